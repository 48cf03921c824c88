"""A record that another lead speaks for from now on."""

from __future__ import annotations

from worker.store import records
from worker.store.database import Store
from worker.store.records import Want


def test_a_row_that_lost_its_record_knows_nothing_of_it_any_more_and_its_neighbour_all(store: Store) -> None:
    with store.write() as tx:
        records.want(tx, "hubspot", [Want(key, "contact", {"pql_flag": True}, crm_id="7") for key in ("LA", "LB")])
        records.forget(tx, "hubspot", ["LA"])

    with store.read() as tx:
        rows = {key: records.by_key(tx, key)[0] for key in ("LA", "LB")}

    assert (rows["LA"]["crm_id"], rows["LA"]["acknowledged"], rows["LA"]["status"]) == (None, {}, "unmatched")
    assert (rows["LB"]["crm_id"], rows["LB"]["status"]) == ("7", "due")
