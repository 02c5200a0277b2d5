//! The life of a container: launched, asked until it is ready, measured, ended, removed.
//!
//! *Promise*: one that has ended is removed once its end is known; a launch that was given up leaves nothing behind that the
//! next one of its name would not clear away; what an engine could not be told is told again.

use super::contained::{Link, Order};
use super::in_words;
use super::knock::knock;
use crate::driver::{Usage, What};
use crate::host::Launched;
use crate::ready::{Answerer, become_ready};
use engines::Trouble;
use engines::docker::{Engine, Recipe, State};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use upstream::{Place, ProbeKind};

/// How often it is asked what a container uses. The engine reads a handful of files for it.
const USAGE_LOOK: Duration = Duration::from_secs(2);
/// How long until an engine is asked again that could not be.
const AGAIN: Duration = Duration::from_secs(1);
/// How often a removal is tried: some minutes.
const REMOVALS_MOST: u32 = 300;
/// How long one try may take: nobody is kept waiting by an engine that hangs.
const REMOVAL: Duration = Duration::from_secs(5);
/// A name is in use (Engine API, `POST /containers/create`).
const CONFLICT: u16 = 409;

/// Lives it. `recipe`: it is to be launched; else it runs already.
pub(super) async fn live(link: Rc<Link>, recipe: Option<Box<Recipe>>, starting: bool) {
    if let Some(recipe) = recipe {
        let mut orders = link.orders.subscribe();
        let launched = tokio::select! {
            launched = Box::pin(launch(&link, &recipe)) => launched,
            // The sender is in `link`.
            _ = orders.wait_for(|order| *order > Order::Live) => {
                remove(&link.engine, &link.full_name).await;
                Err("it was not wanted any more".into())
            }
        };
        if let Err(why) = launched {
            return link.tell(What::Failed(why));
        }
    }
    let mut orders = link.orders.subscribe();
    let (status, words) = tokio::select! {
        end = Box::pin(end(&link)) => end,
        never = accompany(&link, starting) => match never {},
        _ = orders.wait_for(|order| *order == Order::Abandon) => {
            (String::from("no answer from the engine"), None)
        }
    };
    link.tell(What::Exited(status, words));
    // The name is free again before another one may have it; where that cannot be, the next launch sees to it.
    if let Some(id) = link.id.get() {
        remove(&link.engine, id).await;
    }
    link.tell(What::Gone);
}

/// Launches it. What has its name is left of another life: no instance of this fleet has it.
async fn launch(link: &Link, recipe: &Recipe) -> Result<(), String> {
    let mut launched = link.engine.launch(recipe, &link.name).await;
    let is_taken =
        |launched: &Result<_, Trouble>| launched.as_ref().is_err_and(|t| t.status() == Some(CONFLICT));
    if is_taken(&launched) && clear(link).await.is_ok_and(|cleared| cleared) {
        launched = link.engine.launch(recipe, &link.name).await;
    }
    let container = launched.map_err(|trouble| in_words(&trouble))?;
    link.tell(What::Started(Launched::Container(container.id.clone())));
    link.waits_for.replace(None);
    link.runs(container.id, container.address.map(Place::Address), container.pid);
    Ok(())
}

/// Removes what has the name, where it is ours.
async fn clear(link: &Link) -> Result<bool, Trouble> {
    let Some(container) = link.engine.inspect(&link.full_name).await? else { return Ok(false) };
    link.engine.remove(&container.id).await?;
    Ok(true)
}

/// Removes it. Where the engine cannot be reached nobody waits for that: it is tried again and again beside everything else.
async fn remove(engine: &Engine, name: &str) {
    if try_remove(engine, name).await.is_ok() {
        return;
    }
    let (engine, name) = (engine.clone(), name.to_owned());
    spawn_local(async move {
        for _ in 0..REMOVALS_MOST {
            sleep(AGAIN).await;
            if try_remove(&engine, &name).await.is_ok() {
                return;
            }
        }
    });
}

/// What is none of ours stays.
async fn try_remove(engine: &Engine, name: &str) -> Result<(), Trouble> {
    let asking = async {
        match engine.inspect(name).await? {
            Some(container) => engine.remove(&container.id).await,
            None => Ok(()),
        }
    };
    tokio::time::timeout(REMOVAL, asking).await.unwrap_or(Err(Trouble::Timeout))
}

/// Does as it is told, and looks whenever there is a reason to, until the container has ended. Gives how it ended, and its
/// last lines.
async fn end(link: &Link) -> (String, Option<String>) {
    let mut orders = link.orders.subscribe();
    let mut obeyed = Order::Live;
    let Some(id) = link.id.get() else { return ("no container".into(), None) };
    loop {
        match link.engine.inspect(id).await {
            Ok(Some(container)) => {
                if let State::Ended { code, out_of_memory } = container.state {
                    return (
                        status(code, out_of_memory),
                        link.engine.last_words(id).await.unwrap_or_default(),
                    );
                }
            }
            Ok(None) => return ("its container, which was removed by somebody else".into(), None),
            // It is not known, so nothing has changed; it is looked again when somebody says so, or in a while.
            Err(_) => sleep(AGAIN).await,
        }
        let order = *orders.borrow_and_update();
        let again = std::mem::replace(&mut obeyed, order) == order;
        tokio::select! {
            () = link.doubted.notified() => {}
            // The sender is in `link`.
            _ = orders.changed() => {}
            () = obey(link, id, order, again) => {}
        }
    }
}

/// Has the engine do it. Comes back when it is done, or could not be.
async fn obey(link: &Link, id: &str, order: Order, again: bool) {
    let grace = match order {
        Order::Live => return std::future::pending().await,
        Order::Terminate => link.settings.stop_timeout,
        Order::Kill | Order::Abandon => Duration::ZERO,
    };
    if again {
        // The engine has done it, and the container runs.
        sleep(AGAIN).await;
    }
    if let Err(trouble) = link.engine.stop(id, grace).await {
        link.tell(What::Trouble(format!("its container cannot be stopped: {}", in_words(&trouble))));
        sleep(AGAIN).await;
    }
}

/// Asks whether it is ready, and what it uses. Without an end.
async fn accompany(link: &Link, starting: bool) -> Infallible {
    if starting {
        let start = Box::pin(start(link));
        return tokio::join!(start, measure(link)).1;
    }
    measure(link).await
}

async fn start(link: &Link) {
    // One that has ended at once has no place.
    let Some(place) = link.place.get() else { return };
    let settings = &link.settings.ready;
    let answerer = async || match place {
        Place::Address(address) if settings.kind == ProbeKind::Tcp => knock(*address).await,
        _ => Answerer::Instance,
    };
    become_ready(place, settings, &link.waits_for, answerer, &link.events).await;
}

async fn measure(link: &Link) -> Infallible {
    let Some(id) = link.id.get() else { return std::future::pending().await };
    let mut before = None;
    loop {
        // What is not known now is known later.
        if let Ok(Some(used)) = link.engine.usage(id).await {
            let now = Instant::now();
            if let Some((then, cpu)) = before.replace((now, used.cpu)) {
                let seconds = now.duration_since(then).as_secs_f64().max(0.001);
                let cores = used.cpu.saturating_sub(cpu).as_secs_f64() / seconds;
                link.usage.set(Some(Usage { cores, memory: used.memory }));
            }
        }
        sleep(USAGE_LOOK).await;
    }
}

/// As it is said of processes. Engines add 128 to the number of a signal, like shells.
fn status(code: i64, out_of_memory: bool) -> String {
    match code {
        _ if out_of_memory => "too much memory: the kernel killed it".into(),
        129..=192 => format!("signal {}", code - 128),
        _ => format!("exit status {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_container_ended_is_said_as_of_a_process() {
        for (code, out_of_memory, text) in [
            (0, false, "exit status 0"),
            (3, false, "exit status 3"),
            (128, false, "exit status 128"),
            (143, false, "signal 15"),
            (255, false, "exit status 255"),
            (137, true, "too much memory: the kernel killed it"),
        ] {
            assert_eq!(status(code, out_of_memory), text);
        }
    }
}
