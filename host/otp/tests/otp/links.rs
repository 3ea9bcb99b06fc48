//! Links (rules P2, P16, P24 to P28).

use regrow_otp::{ExitReason, LinkError};

use crate::support::*;

#[test]
fn p2_a_child_that_dies_at_once_reports_its_real_reason() {
    check(&["EXIT error(\"oops\")"], |context, trace| async move {
        context.set_trap_exit(true);
        child(&context, linked(), |_| async { oops() });
        trace.note(next(&context).await);
    });
}

#[test]
fn p16_an_exit_cascades_along_a_chain_unchanged() {
    check(&["DOWN error(\"oops\")"], |context, trace| async move {
        let (first, monitor) = context
            .spawn(regrow_otp::SpawnOptions { monitor: true, ..Default::default() }, |context| async move {
                let second = child(&context, linked(), |context| async move {
                    child(&context, linked(), |_| async { oops() });
                    context.receive(None).await;
                    ExitReason::Normal
                });
                let _ = second;
                context.receive(None).await;
                ExitReason::Normal
            })
            .unwrap();
        let _ = first;
        trace.note(down(&context, monitor.unwrap()).await);
    });
}

#[test]
fn p24_a_link_is_made_once_however_often_it_is_asked_for() {
    check(&["1 link", "EXIT error(\"oops\")", "timeout", "0 links"], |context, trace| async move {
        context.set_trap_exit(true);
        let pid = child(&context, linked(), |context| async move {
            context.receive(None).await;
            oops()
        });
        context.link(pid).unwrap();
        context.link(pid).unwrap();
        let links = |context: &regrow_otp::Context| {
            context.runtime().process_info(context.pid()).unwrap().links.len()
        };
        trace.note(format!("{} link", links(&context)));
        send(&context, pid, "go");
        trace.note(next(&context).await);
        trace.note(poll(&context).await);
        trace.note(format!("{} links", links(&context)));
    });
}

#[test]
fn p25_linking_to_oneself_and_unlinking_a_stranger_do_nothing() {
    check(&["0"], |context, trace| async move {
        let stranger = sleeper(&context, Default::default());
        context.link(context.pid()).unwrap();
        context.unlink(stranger);
        context.unlink(context.pid());
        trace.note(context.runtime().process_info(context.pid()).unwrap().links.len());
        context.exit_process(stranger, ExitReason::Kill);
    });
}

#[test]
fn p26_linking_to_a_dead_process_is_an_exit_message_or_an_error() {
    check(&["NoProc", "EXIT noproc"], |context, trace| async move {
        let dead = child(&context, Default::default(), |_| async { ExitReason::Normal });
        context.await_down(dead).await;
        let error = context.link(dead).unwrap_err();
        assert_eq!(error, LinkError::NoProc);
        trace.note(format!("{error:?}"));
        context.set_trap_exit(true);
        context.link(dead).unwrap();
        trace.note(next(&context).await);
    });
}

#[test]
fn p27_after_unlink_the_peers_end_has_no_effect() {
    check(&["timeout"], |context, trace| async move {
        context.set_trap_exit(true);
        let pid = sleeper(&context, linked());
        context.unlink(pid);
        context.exit_process(pid, oops());
        context.await_down(pid).await;
        trace.note(poll(&context).await);
    });
}

#[test]
fn p27_an_exit_that_has_arrived_stays_after_unlink() {
    check(&["EXIT error(\"oops\")"], |context, trace| async move {
        context.set_trap_exit(true);
        let pid = child(&context, linked(), |_| async { oops() });
        context.await_down(pid).await;
        context.unlink(pid);
        trace.note(poll(&context).await);
    });
}

#[test]
fn p24_both_sides_stay_in_step_whoever_links_and_unlinks() {
    check(&["linked on both sides or on none"], |context, trace| async move {
        let parent = context.pid();
        let peer = child(&context, Default::default(), move |context| async move {
            for _ in 0..5 {
                context.link(parent).unwrap();
                context.yield_now().await;
                context.unlink(parent);
                context.yield_now().await;
            }
            context.receive(None).await;
            ExitReason::Normal
        });
        for _ in 0..5 {
            context.unlink(peer);
            context.yield_now().await;
            context.link(peer).unwrap();
            context.yield_now().await;
        }
        settle(&context).await;
        let has_link = |of, to| context.runtime().process_info(of).unwrap().links.contains(&to);
        assert_eq!(has_link(parent, peer), has_link(peer, parent));
        trace.note("linked on both sides or on none");
        send(&context, peer, "end");
    });
}
