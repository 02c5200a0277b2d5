//! A container is launched: made, with its image fetched where it has to be, started, and looked at.

use super::container::{Container, State};
use super::engine::{Engine, Listed, PATIENCE, gone_is_well};
use super::pull::{progress, pull_query};
use super::recipe::{Recipe, checked};
use fetch::Question;
use fetch::Trouble;
use message::Method;
use std::time::Duration;
use tokio::time::timeout;

/// How long fetching an image may take, and how long it may stand still.
const PULL_MOST: Duration = Duration::from_secs(600);
const PULL_SILENCE: Duration = Duration::from_secs(120);

impl Engine {
    /// Makes a container and starts it, fetching the image where that is wanted and needed. It runs then, or has ended
    /// already; then it is still to be removed. `name`: of the instance, unique at this owner.
    pub async fn launch(&self, recipe: &Recipe, name: &str) -> Result<Container, Trouble> {
        recipe.check()?;
        checked("instance", name)?;
        let id = Box::pin(self.create(recipe, name)).await?;
        let started = self.start(&id).await;
        match started {
            Ok(container) => Ok(container),
            Err(trouble) => {
                // What went wrong first is what is told.
                let _ = self.remove(&id).await;
                Err(trouble)
            }
        }
    }

    /// Makes the container; gives its id.
    async fn create(&self, recipe: &Recipe, name: &str) -> Result<Box<str>, Trouble> {
        let full = format!("{}-{name}", self.0.owner);
        let (mut pulled, mut cleared) = (!recipe.pull, false);
        loop {
            match self.try_create(recipe, name, &full).await {
                Err(trouble) if trouble.status() == Some(404) && !pulled => {
                    pulled = true;
                    self.pull(&recipe.image).await?;
                }
                Err(trouble) if trouble.status() == Some(409) && !cleared => {
                    cleared = true;
                    self.clear(&full, trouble).await?;
                }
                created => return created,
            }
        }
    }

    async fn try_create(&self, recipe: &Recipe, name: &str, full: &str) -> Result<Box<str>, Trouble> {
        let target = format!("{}/containers/create?name={full}", self.prefix().await?);
        let body = recipe.create(&self.0.owner, name);
        let question = Question::new(Method::POST, &target, PATIENCE).with("application/json", &body);
        let reply = self.0.client.ask(question).await?.granted()?;
        Ok(reply.json::<Listed>("answer to a creation")?.id)
    }

    /// The name is taken: by a leftover of ours, which is removed, or by something that is not touched.
    async fn clear(&self, full: &str, taken: Trouble) -> Result<(), Trouble> {
        match self.inspect(full).await? {
            Some(container) if container.state != State::Running => self.remove(&container.id).await,
            _ => Err(taken),
        }
    }

    async fn start(&self, id: &str) -> Result<Container, Trouble> {
        let target = format!("/containers/{id}/start");
        gone_is_well(self.ask(Method::POST, &target, PATIENCE).await, &[304])?;
        let container = self.inspect(id).await?;
        let container =
            container.ok_or_else(|| Trouble::Garbled("a container that was started is not there".into()))?;
        if container.state == State::Running && container.address.is_none() {
            return Err(Trouble::Garbled(
                "a container that runs has no address that leads to its port".into(),
            ));
        }
        Ok(container)
    }

    async fn pull(&self, image: &str) -> Result<(), Trouble> {
        let target = format!("{}/images/create?{}", self.prefix().await?, pull_query(image));
        let question = Question::new(Method::POST, &target, PULL_SILENCE);
        let pulling = async {
            let mut lines = self.0.client.follow(question, PULL_SILENCE).await?;
            while let Some(line) = lines.next().await? {
                progress(&line)?;
            }
            Ok(())
        };
        timeout(PULL_MOST, Box::pin(pulling)).await.unwrap_or(Err(Trouble::Timeout))
    }
}
