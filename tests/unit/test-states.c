/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/states.h"

#include <glib.h>

static struct client_step
feed(struct client_machine *machine, enum client_happening what)
{
    return client_machine_feed(machine, what, 0, CLIENT_END_NONE);
}

static void
make_live(struct client_machine *machine)
{
    g_assert_cmpint(feed(machine, CLIENT_HAPPENS_START).action, ==, CLIENT_DO_ASK);
    g_assert_cmpint(feed(machine, CLIENT_HAPPENS_TICKET).action, ==, CLIENT_DO_DIAL);
    g_assert_cmpint(machine->state, ==, CLIENT_STATE_OPENING);
    g_assert_cmpint(feed(machine, CLIENT_HAPPENS_LIVE).action, ==, CLIENT_DO_NOTHING);
    g_assert_cmpint(machine->state, ==, CLIENT_STATE_LIVE);
}

static void
test_waits_for_a_desktop_and_asks_again(void)
{
    struct client_machine machine = {0};
    struct client_step step;

    feed(&machine, CLIENT_HAPPENS_START);
    step = client_machine_feed(&machine, CLIENT_HAPPENS_QUEUED, 700, CLIENT_END_NONE);
    g_assert_cmpint(machine.state, ==, CLIENT_STATE_WAITING);
    g_assert_cmpint(step.action, ==, CLIENT_DO_WAIT);
    g_assert_cmpuint(step.delay_ms, ==, 700);
    g_assert_cmpint(feed(&machine, CLIENT_HAPPENS_TIMER).action, ==, CLIENT_DO_ASK);
    g_assert_cmpint(feed(&machine, CLIENT_HAPPENS_TICKET).action, ==, CLIENT_DO_DIAL);
}

static void
test_comes_back_by_itself_after_a_loss(void)
{
    struct client_machine machine = {0};
    struct client_step step;

    make_live(&machine);
    step = feed(&machine, CLIENT_HAPPENS_LOST);
    g_assert_cmpint(machine.state, ==, CLIENT_STATE_RECONNECTING);
    g_assert_cmpint(step.action, ==, CLIENT_DO_WAIT);
    g_assert_cmpuint(step.delay_ms, ==, 0);
    g_assert_cmpint(feed(&machine, CLIENT_HAPPENS_TIMER).action, ==, CLIENT_DO_ASK);
    g_assert_cmpuint(feed(&machine, CLIENT_HAPPENS_SILENCE).delay_ms, ==, 250);
    feed(&machine, CLIENT_HAPPENS_TIMER);
    g_assert_cmpuint(feed(&machine, CLIENT_HAPPENS_SILENCE).delay_ms, ==, 500);
    feed(&machine, CLIENT_HAPPENS_TIMER);
    g_assert_cmpint(feed(&machine, CLIENT_HAPPENS_TICKET).action, ==, CLIENT_DO_DIAL);
    g_assert_cmpint(machine.state, ==, CLIENT_STATE_RECONNECTING);
    feed(&machine, CLIENT_HAPPENS_LIVE);
    g_assert_cmpint(machine.state, ==, CLIENT_STATE_LIVE);
}

static void
test_failures_are_forgotten_only_when_steady(void)
{
    struct client_machine machine = {0};

    make_live(&machine);
    feed(&machine, CLIENT_HAPPENS_LOST);
    feed(&machine, CLIENT_HAPPENS_TIMER);
    feed(&machine, CLIENT_HAPPENS_TICKET);
    feed(&machine, CLIENT_HAPPENS_LIVE);
    g_assert_cmpuint(feed(&machine, CLIENT_HAPPENS_LOST).delay_ms, ==, 250);
    feed(&machine, CLIENT_HAPPENS_TIMER);
    feed(&machine, CLIENT_HAPPENS_TICKET);
    feed(&machine, CLIENT_HAPPENS_LIVE);
    feed(&machine, CLIENT_HAPPENS_STEADY);
    g_assert_cmpuint(feed(&machine, CLIENT_HAPPENS_LOST).delay_ms, ==, 0);
}

static void
test_waits_as_long_as_it_was_told_within_reason(void)
{
    struct client_machine machine = {0};

    make_live(&machine);
    g_assert_cmpuint(
        client_machine_feed(&machine, CLIENT_HAPPENS_LOST, 3000, CLIENT_END_NONE).delay_ms, ==,
        3000);
    feed(&machine, CLIENT_HAPPENS_TIMER);
    g_assert_cmpuint(
        client_machine_feed(&machine, CLIENT_HAPPENS_LOST, 4000000000u, CLIENT_END_NONE).delay_ms,
        ==, CLIENT_MAX_RETRY_MS);
}

static void
test_an_end_is_final_until_a_person_asks(void)
{
    struct client_machine machine = {0};
    enum client_happening what;

    make_live(&machine);
    g_assert_cmpint(
        client_machine_feed(&machine, CLIENT_HAPPENS_STOPPED, 0, CLIENT_END_TAKEN_OVER).action, ==,
        CLIENT_DO_CLOSE);
    for (what = CLIENT_HAPPENS_TICKET; what <= CLIENT_HAPPENS_TIMER; what++) {
        g_assert_cmpint(client_machine_feed(&machine, what, 5, CLIENT_END_SESSION).action, ==,
                        CLIENT_DO_NOTHING);
        g_assert_cmpint(machine.state, ==, CLIENT_STATE_ENDED);
        g_assert_cmpint(machine.end, ==, CLIENT_END_TAKEN_OVER);
    }
    g_assert_cmpint(feed(&machine, CLIENT_HAPPENS_START).action, ==, CLIENT_DO_ASK);
    g_assert_cmpint(machine.end, ==, CLIENT_END_NONE);
}

static void
test_a_refusal_ends_a_first_attempt_only(void)
{
    struct client_machine first = {0};
    struct client_machine again = {0};

    feed(&first, CLIENT_HAPPENS_START);
    client_machine_feed(&first, CLIENT_HAPPENS_REFUSED, 0, CLIENT_END_FULL);
    g_assert_cmpint(first.state, ==, CLIENT_STATE_ENDED);
    make_live(&again);
    feed(&again, CLIENT_HAPPENS_LOST);
    feed(&again, CLIENT_HAPPENS_TIMER);
    g_assert_cmpint(
        client_machine_feed(&again, CLIENT_HAPPENS_REFUSED, 0, CLIENT_END_UNAVAILABLE).action, ==,
        CLIENT_DO_WAIT);
    g_assert_cmpint(again.state, ==, CLIENT_STATE_RECONNECTING);
    client_machine_feed(&again, CLIENT_HAPPENS_REFUSED, 0, CLIENT_END_DENIED);
    g_assert_cmpint(again.state, ==, CLIENT_STATE_ENDED);
}

static void
test_backoff_grows_and_is_bounded(void)
{
    unsigned last = 0;
    unsigned i;

    for (i = 0; i < 1000; i++) {
        g_assert_cmpuint(client_backoff_ms(i), >=, last);
        g_assert_cmpuint(client_backoff_ms(i), <=, CLIENT_MAX_BACKOFF_MS);
        last = client_backoff_ms(i);
    }
}

static void
test_every_state_and_end_has_words(void)
{
    int i;

    for (i = CLIENT_STATE_IDLE; i <= CLIENT_STATE_ENDED; i++) {
        g_assert_true(client_state_name((enum client_state)i)[0]);
        g_assert_true(client_state_text((enum client_state)i)[0]);
    }
    for (i = CLIENT_END_DISCONNECTED; i <= CLIENT_END_UNTRUSTED; i++) {
        g_assert_true(client_end_name((enum client_end)i)[0]);
        g_assert_true(client_end_text((enum client_end)i)[0]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/states/waits-for-a-desktop-and-asks-again",
                    test_waits_for_a_desktop_and_asks_again);
    g_test_add_func("/states/comes-back-by-itself-after-a-loss",
                    test_comes_back_by_itself_after_a_loss);
    g_test_add_func("/states/failures-are-forgotten-only-when-steady",
                    test_failures_are_forgotten_only_when_steady);
    g_test_add_func("/states/waits-as-long-as-it-was-told-within-reason",
                    test_waits_as_long_as_it_was_told_within_reason);
    g_test_add_func("/states/an-end-is-final-until-a-person-asks",
                    test_an_end_is_final_until_a_person_asks);
    g_test_add_func("/states/a-refusal-ends-a-first-attempt-only",
                    test_a_refusal_ends_a_first_attempt_only);
    g_test_add_func("/states/backoff-grows-and-is-bounded", test_backoff_grows_and_is_bounded);
    g_test_add_func("/states/every-state-and-end-has-words", test_every_state_and_end_has_words);
    return g_test_run();
}
