"""Field values on their way into the sandbox HubSpot, in good weather and bad."""

import threading
from dataclasses import replace

import pytest
from fixtures_push import Rig

from connectors.contract import Budget
from worker.steps.pacing.limiter import LocalLimiter, StoreLimiter
from worker.steps.sending.desk import Writing
from worker.store import attempts, intents, records
from worker.store.records import Want

UPDATE = {"method": "POST", "path": ".*contacts/batch/update"}
RESPECTED = Writing("hubspot", {("contact", "jobtitle"): "respect_human"})


def test_a_second_push_makes_no_call_at_all(both_rigs: Rig):
    rig = both_rigs
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    first = rig.push()
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    second = rig.push()

    assert (first.counts.records.updated, first.counts.calls.made, first.counts.calls.minimum) == (30, 1, 1)
    assert (second.counts.calls.made, second.next_in) == (0, None)
    assert rig.statuses() == {"in_sync": 30}
    assert rig.portal.contact(3)["pql_score"] == 71


def test_what_a_person_sees_carries_our_key_and_the_sequence(rig: Rig):
    rig.wish(rig.portal.want())
    rig.push()
    rig.wish(rig.portal.want(pql_score=85))
    rig.push()

    assert (rig.portal.contact()["pql_key"], rig.portal.contact()["pql_seq"]) == ("L0", 2)
    assert rig.link() == rig.portal.ids[0]


def test_only_what_differs_is_sent(rig: Rig):
    rig.wish(rig.portal.want())
    rig.push()
    rig.wish(rig.portal.want(pql_score=85))
    rig.push()

    with rig.store.read() as tx:
        sent = [row["keys"]["L0"]["sent"] for row in attempts.of_key(tx, "L0")]
    assert sent == [{"pql_score": 85}, {"pql_flag": True, "pql_tier": "hot", "pql_score": 71, "pql_key": "L0"}]


def test_an_attempt_is_written_down_with_what_it_replaces_before_anything_is_sent(rig: Rig):
    rig.wish(rig.portal.want())
    rig.push()
    rig.wish(rig.portal.want(pql_score=85))
    rig.push()

    with rig.store.read() as tx:
        last = attempts.of_key(tx, "L0")[0]
    assert (last["keys"]["L0"]["replaced"], last["outcome"], last["run_id"]) == ({"pql_score": 71}, "applied", None)


@pytest.mark.fault("F10")
def test_a_rejected_row_does_not_hurt_its_neighbours_and_is_written_once_it_is_mended(rig: Rig):
    rig.wish(rig.portal.want(0, pql_score="many"), *(rig.portal.want(number) for number in range(1, 30)))
    report = rig.push()

    assert (report.counts.records.updated, report.counts.records.rejected) == (29, 1)
    assert (report.rejected[0].lead, report.rejected[0].field) == ("L0", "pql_score")
    assert rig.push().counts.calls.made == 0

    rig.wish(rig.portal.want(0))
    assert rig.push().counts.records.updated == 1
    assert rig.statuses() == {"in_sync": 30}


@pytest.mark.fault("F11")
def test_a_batch_that_is_refused_whole_is_halved_until_the_bad_row_is_alone(rig: Rig):
    rig.portal.endpoint.switch(whole_batch_refusal=True)
    rig.wish(rig.portal.want(7, jobtitle="x" * 70_000), *(rig.portal.want(number) for number in range(30) if number != 7))
    report = rig.push(threads=1)

    assert (report.counts.records.updated, report.counts.records.rejected) == (29, 1)
    assert len(rig.portal.calls("batch/update")) <= 2 * 5 + 1
    with rig.store.read() as tx:
        assert sum(attempts.count(tx).values()) == len(rig.portal.calls("batch/update"))


@pytest.mark.fault("F3", "F4", "F9")
@pytest.mark.parametrize("fault", ["reset_after", "truncate", "html", "empty_2xx"])
def test_an_outcome_nobody_can_prove_is_settled_by_reading(rig: Rig, fault: str):
    args = {"applied": True}
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": fault, "args": args})
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    report = rig.push(threads=1)

    assert report.counts.records.updated == 30
    assert rig.statuses() == {"in_sync": 30}
    assert len(rig.portal.ledger("update", "contact")) == 30
    assert len(rig.portal.calls("batch/update")) == 1


@pytest.mark.fault("F10")
def test_a_row_that_the_answer_forgot_is_read_back(rig: Rig):
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": "drop_item", "args": {"index": 3}})
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    report = rig.push(threads=1)

    assert report.counts.records.updated == 30
    assert len(rig.portal.calls("batch/update")) == 1


@pytest.mark.fault("F2")
def test_a_write_that_did_not_arrive_is_sent_again_but_not_before_its_time(rig: Rig):
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": "status", "args": {"status": 502}})
    rig.wish(rig.portal.want())
    first = rig.push()

    assert first.counts.records.unknown == 1
    assert 0 < first.next_in <= rig.periods.unknown_wait
    threading.Event().wait(first.next_in + 0.05)
    assert rig.push().counts.records.updated == 1
    assert len(rig.portal.ledger("update", "contact")) == 1


@pytest.mark.fault("F5")
def test_a_limit_costs_no_attempt_and_makes_everybody_wait(rig: Rig):
    limiter = LocalLimiter()
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": "status", "args": {"status": 429, "retry_after": 1}})
    rig.wish(rig.portal.want())
    first = rig.push(limiter=limiter, seconds=0.5)

    assert (first.counts.records.updated, first.counts.records.rejected) == (0, 0)
    assert rig.row()["attempts"] == 0
    assert 0.5 < limiter.reserve(0) < 1.5
    threading.Event().wait(1.2)
    assert rig.push(limiter=limiter).counts.records.updated == 1


@pytest.mark.fault("F5")
def test_how_long_a_limit_asks_to_wait_is_heard_by_other_workers_too(rig: Rig):
    mine, theirs = (StoreLimiter(rig.store, "hubspot:1:calls") for _ in range(2))
    match = {"method": "POST", "path": ".*tasks/batch/create"}
    rig.portal.endpoint.weather({"match": match, "nth": 1, "fault": "status", "args": {"status": 429, "retry_after": 30}})
    rig.wish(rig.portal.task())
    rig.push(limiter=mine)
    made = len(rig.portal.calls())
    other = rig.push(limiter=theirs)
    with rig.store.read() as tx:
        (task,) = intents.by_key(tx, rig.portal.task().effect_key)

    assert 25 < theirs.reserve(0) < 31  # and the slots that were asked for meanwhile
    assert (other.counts.tasks.created, len(rig.portal.calls())) == (0, made)
    assert (task["attempts"], task["status"]) == (0, "planned")


@pytest.mark.fault("F7")
def test_a_daily_limit_parks_the_push_and_loses_nothing(rig: Rig):
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": "daily_limit"})
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    report = rig.push()

    assert report.limited > 60
    assert rig.statuses() == {"due": 30}


def test_below_the_reserve_handoffs_go_on_and_fields_wait_for_the_next_day(rig: Rig):
    now = [0.0]
    limiter = LocalLimiter(clock=lambda: now[0], reserved=0.9)
    rig.portal.crm.mirror.read("contact", rig.portal.ids[:1], [])
    heard = rig.portal.crm.budget()
    rig.portal.endpoint.switch(daily_limit=heard.day_calls - heard.day_remaining + 20)
    rig.portal.crm.mirror.read("contact", rig.portal.ids[:1], [])
    limiter.learn(rig.portal.crm.budget())
    rig.wish(*(rig.portal.want(number) for number in range(30)), rig.portal.task())
    first = rig.push(limiter=limiter)
    before = (rig.statuses(), rig.tasks())
    now[0] += first.limited + 1
    rig.portal.endpoint.switch(daily_limit=625_000)

    assert before == ({"due": 30}, {"task_create:confirmed": 1})
    assert first.limited == pytest.approx(3600, abs=5)
    assert "`reserve`" in first.warnings[0]
    assert rig.push(limiter=limiter).counts.records.updated == 30


def test_below_the_reserve_nothing_is_limited_where_no_field_waits(rig: Rig):
    limiter = LocalLimiter(reserved=0.5)
    limiter.learn(Budget(day_calls=1000, day_remaining=499))
    rig.wish(rig.portal.task())
    report = rig.push(limiter=limiter)

    assert (report.limited, report.warnings, rig.tasks()) == (None, [], {"task_create:confirmed": 1})


@pytest.mark.fault("F14")
def test_a_refusal_stops_the_destination_and_leaves_all_rows_due(rig: Rig):
    rig.portal.endpoint.act("revoke_token")
    rig.wish(*(rig.portal.want(number) for number in range(30)), rig.portal.task())
    report = rig.push()

    assert report.refused
    assert len(rig.portal.calls(writing=False)) == 1
    assert (rig.statuses(), rig.tasks()) == ({"due": 30}, {"task_create:planned": 1})


@pytest.mark.fault("F16")
def test_a_field_that_the_portal_lost_is_left_out_and_the_others_go_on(rig: Rig):
    rig.portal.endpoint.act("drop_field", object="contact", name="pql_tier")
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    report = rig.push(threads=1)

    assert report.counts.records.updated == 30
    assert "pql_tier" in report.warnings[0]
    assert "pql provision" in report.warnings[0]
    assert rig.portal.contact()["pql_score"] == 71
    with rig.store.read() as tx:
        assert list(records.parked(tx, "hubspot")) == [("contact", "pql_tier")]

    rig.portal.crm.provisioning.apply()
    with rig.store.write() as tx:
        assert records.unpark(tx, "hubspot", "contact", "pql_tier") == 30
    assert rig.push(threads=1).counts.records.updated == 30
    assert rig.portal.contact()["pql_tier"] == "hot"


def test_what_a_person_edited_between_two_pushes_is_kept(rig: Rig):
    def title(text: str) -> Want:
        return rig.portal.want(jobtitle=text)

    rig.wish(title("Head of Growth"))
    rig.push(RESPECTED)
    rig.portal.endpoint.act("edit", object="contact", id=rig.portal.ids[0], properties={"jobtitle": "VP Sales"})
    rig.wish(title("Growth Lead"))
    report = rig.push(RESPECTED)

    assert report.counts.records.kept_human_edit == 1
    assert rig.portal.contact()["jobtitle"] == "VP Sales"
    assert rig.statuses() == {"in_sync": 1}


def test_what_nobody_edited_is_updated_in_a_field_that_respects_people(rig: Rig):
    rig.wish(rig.portal.want(jobtitle="Head of Growth"))
    rig.push(RESPECTED)
    rig.wish(rig.portal.want(jobtitle="Growth Lead"))
    report = rig.push(RESPECTED)

    assert report.counts.records.updated == 1
    assert rig.portal.contact()["jobtitle"] == "Growth Lead"


def test_an_edit_is_kept_even_when_our_write_before_it_could_not_be_proved(rig: Rig):
    read = {"method": "POST", "path": ".*contacts/batch/read"}
    rig.portal.endpoint.weather(
        {"match": UPDATE, "nth": 1, "fault": "reset_after"},
        {"match": read, "nth": 2, "fault": "status", "args": {"status": 503}},
    )
    rig.wish(rig.portal.want(jobtitle="Head of Growth"))
    rig.push(RESPECTED)
    assert rig.statuses() == {"unknown": 1}
    rig.portal.endpoint.act("edit", object="contact", id=rig.portal.ids[0], properties={"jobtitle": "VP Sales"})
    threading.Event().wait(1.1)
    rig.push(RESPECTED)

    assert rig.portal.contact()["jobtitle"] == "VP Sales"
    assert rig.portal.contact()["pql_score"] == 71
    assert rig.statuses() == {"in_sync": 1}


def test_an_owner_is_set_where_there_is_none_and_a_persons_choice_stays(rig: Rig):
    owned = Writing("hubspot", set_owner="when_unowned")
    rig.portal.endpoint.act("edit", object="contact", id=rig.portal.ids[1], properties={"hubspot_owner_id": "tom@acme.com"})
    rig.wish(*(rig.portal.want(number, owner=rig.portal.ana) for number in (0, 1)))
    rig.push(owned)

    holders = rig.portal.crm.mirror.read("contact", rig.portal.ids[:2], [])
    assert [holders[id].owner for id in rig.portal.ids[:2]] == [rig.portal.ana, rig.portal.tom]
    assert rig.portal.contact(1)["pql_score"] == 71


@pytest.mark.fault("F18")
def test_a_merged_record_is_followed_to_its_survivor(rig: Rig):
    rig.wish(rig.portal.want())
    rig.push()
    merged = rig.portal.endpoint.act("merge", object="contact", id=rig.portal.ids[5], into_it=rig.portal.ids[0])
    rig.wish(rig.portal.want(pql_score=85))
    rig.push()

    assert rig.statuses() == {"in_sync": 1}
    assert rig.link() == merged["id"]
    assert rig.portal.crm.mirror.read("contact", [merged["id"]], [])[merged["id"]].fields["pql_score"] == 85


@pytest.mark.fault("F19")
def test_a_deleted_record_is_not_made_again(rig: Rig):
    rig.wish(rig.portal.want())
    rig.push()
    rig.portal.endpoint.act("delete", object="contact", id=rig.portal.ids[0])
    rig.wish(rig.portal.want(pql_score=85))
    report = rig.push()

    assert report.counts.records.unmatched == 1
    assert (rig.statuses(), rig.link()) == ({"unmatched": 1}, None)
    assert rig.portal.ledger("create", "contact") == []


def new(rig: Rig, number: int) -> Want:
    want = rig.portal.want(0, pql_key=f"N{number}", email=f"new{number}@nordwerk.example")
    return replace(want, record_key=f"N{number}", crm_id=None)


@pytest.mark.parametrize("fault", [None, "reset_after", "truncate"])
def test_a_new_record_is_made_once(rig: Rig, fault: str | None):
    if fault:
        match = {"method": "POST", "path": ".*contacts/batch/create"}
        rig.portal.endpoint.weather({"match": match, "nth": 1, "fault": fault})
    rig.wish(*(new(rig, number) for number in range(3)))
    report = rig.push(threads=1)

    assert report.counts.records.created == 3
    assert len(rig.portal.ledger("create", "contact")) == 3
    assert rig.statuses() == {"in_sync": 3}


def test_a_create_whose_key_is_there_already_counts_as_the_record_we_made_and_is_completed(rig: Rig):
    """The process that sent it died with the answer: nobody told of that record yet."""
    sent = {"email": "new0@nordwerk.example", "pql_key": "N0"}
    made = rig.portal.endpoint.seed(records=[{"object": "contact", "properties": sent}])["records"][0]["id"]
    rig.wish(new(rig, 0))
    report = rig.push(threads=1)

    assert (report.counts.records.created, rig.statuses()) == (1, {"in_sync": 1})
    assert rig.portal.crm.mirror.read("contact", [made], ["pql_score"])[made].fields["pql_score"] == 71
    assert len(rig.portal.ledger("create", "contact")) == 0


def test_a_crm_that_writes_a_value_its_own_way_is_not_written_again_for_that(rig: Rig):
    rig.wish(rig.portal.want(phone=" +49  30 1234 "))
    rig.push()
    before = len(rig.portal.calls(writing=True))
    rig.wish(rig.portal.want(phone=" +49  30 1234 ", pql_score=85))
    rig.push()

    with rig.store.read() as tx:
        assert attempts.of_key(tx, "L0")[0]["keys"]["L0"]["sent"] == {"pql_score": 85}
    assert len(rig.portal.calls(writing=True)) == before + 1


@pytest.mark.fault("F46")
def test_two_pushers_at_once_write_each_row_once(both_rigs: Rig):
    rig = both_rigs
    rig.wish(*(rig.portal.want(number) for number in range(30)), *(rig.portal.task(number) for number in range(30)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(rig.portal.crm.records), "batch", 4)
        patch.setattr(type(rig.portal.crm.tasks), "batch", 4)
        threads = [threading.Thread(target=rig.push) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(rig.portal.ledger("update", "contact")) == 30
    assert len(rig.portal.ledger("create", "task")) == 30
    assert (rig.statuses(), rig.tasks()) == ({"in_sync": 30}, {"task_create:confirmed": 30})


def test_a_limit_on_rows_is_kept(rig: Rig):
    rig.wish(*(rig.portal.want(number) for number in range(30)))

    assert rig.push(limit=10).counts.records.updated == 10
    assert rig.statuses() == {"in_sync": 10, "due": 20}


def test_a_person_may_stop_a_push_between_two_batches(rig: Rig):
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(rig.portal.crm.records), "batch", 5)
        report = rig.push(threads=1, stop=lambda: len(rig.portal.calls(writing=True)) >= 2)

    assert report.interrupted
    assert rig.statuses() == {"in_sync": 10, "due": 20}


def test_progress_is_told_batch_by_batch(rig: Rig):
    told: list[tuple[int, int]] = []
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    rig.push(threads=1, progress=lambda done, all_rows, _rate: told.append((done, all_rows)))

    assert told == [(30, 30)]


def test_a_defect_in_sending_one_batch_leaves_no_row_without_an_outcome(rig: Rig):
    rig.wish(rig.portal.want())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(rig.portal.crm.records), "write", lambda *_: {}["no such"])
        report = rig.push()

    assert "KeyError" in report.warnings[0]
    assert rig.statuses() == {"unknown": 1}
