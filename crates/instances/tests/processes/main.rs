//! Fleets of real processes: what is launched, what goes wrong, what is handed on, and that nothing is ever left behind.
//!
//! This program is its own cast. Started by a fleet in it, it is a keeper; with other first arguments it is a server with
//! faults, or the owner of a fleet that is killed. So it has a `main` of its own, and a small runner of tests.

#![allow(clippy::unwrap_used, reason = "these are tests, though not of the usual harness")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what tests and their servers talk by")]

mod faults;
mod handing;
mod launching;
mod owner;
mod runner;
mod server;
mod serving;
mod stage;

use std::process::ExitCode;

/// A test and its name.
macro_rules! tests {
    ($($room:ident: $($name:ident),+ $(,)?;)+) => {
        &[$($((concat!(stringify!($room), "::", stringify!($name)), $room::$name as fn())),+),+]
    };
}

const TESTS: &[(&str, fn())] = tests! {
    launching:
        an_instance_is_ready_once_it_answers_and_ends_with_its_fleet,
        an_instance_on_a_unix_socket_leaves_nothing_behind,
        what_it_is_given_is_in_no_other_command_line,
        limits_priority_and_working_folder_are_set,
        a_program_runs_as_the_user_that_was_asked_for,
        lines_go_to_a_file_of_its_own,
        lines_go_to_standard_error_behind_the_name,
        a_program_can_be_given_as_much_as_the_kernel_takes,
        a_changed_file_replaces_the_instances;
    faults:
        a_command_that_is_not_there_is_told,
        a_command_that_cannot_be_run_is_told,
        what_exits_at_once_leaves_its_last_words,
        what_is_never_ready_is_ended,
        what_ignores_sigterm_is_killed,
        what_forks_away_ends_with_the_instance,
        what_a_program_leaves_running_is_ended_with_it,
        what_leaks_memory_is_replaced_and_always_one_is_ready,
        what_floods_its_output_is_kept_and_serves,
        a_fixed_port_that_is_taken_is_told,
        a_port_that_somebody_else_took_makes_nobody_ready,
        a_full_disk_costs_lines_and_not_the_instance,
        a_keeper_that_is_killed_takes_everything_with_it,
        a_keeper_that_hangs_is_given_up,
        a_keeper_is_not_ended_by_what_ends_a_terminal,
        an_owner_that_is_killed_takes_everything_with_it;
    handing:
        instances_are_handed_to_another_process_and_none_is_lost,
        instances_stay_where_the_other_process_gives_up,
        an_instance_that_ended_on_the_way_is_noticed;
    serving:
        no_request_fails_while_all_instances_are_replaced,
        no_request_fails_while_the_count_goes_up_and_down;
};

fn main() -> ExitCode {
    if let Some(code) = instances::keeper_main_if_asked() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(server::ROLE) => server::serve(&arguments[1..]),
        Some(owner::ROLE) => owner::own(&arguments[1..]),
        _ => runner::run(&arguments, TESTS),
    }
}
