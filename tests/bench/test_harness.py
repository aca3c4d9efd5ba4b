"""The table of the bench: ratios, goals, INVALID. No clock and no database."""

import json
import re

import pytest

from bench import tables
from bench.harness import compare, run_all
from bench.plan import COMPARISONS, SIZES, Comparison, Goal, Peer, Size
from bench.run import chosen_comparisons, options
from bench.verdicts import Measured, Sample, differences, lines

PROOF = {"rows": 2, "fen": 150, "sha256": "ab"}
SLOW = Peer("usual way", "peers.thing:usual", Goal("T2", "peer/ours", 5))
THING = Comparison(
    "t",
    "thing",
    "thing:limit",
    "thing:ours",
    (SLOW,),
    (Goal("T1", "ours/limit", 1.5), Goal("T3", "added RSS", 50), Goal("L", "2N/N", 2.1)),
)


def sample(seconds, proof=PROOF, rss=150.0):
    return Sample(seconds, seconds / 2, 100.0, rss, 30.0, proof)


def measured(rows=1_000, limit=1.0, ours=1.4, peer=4.0, **more):
    return Measured(
        THING, rows, [sample(limit)] * 2, [sample(ours)] * 2, {"usual way": (500, [sample(peer)])}, **more
    )


def table(*found):
    return tables.markdown(lines(found), {"machine": "2 cores"})


class FakeBases:
    """Answers runs with the given seconds and proofs, and remembers their order."""

    def __init__(self, proofs=None):
        self.order, self.proofs, self.forgotten, self.reuse_peers = [], proofs or {}, [], False

    def run(self, name, rows, *, reads_only=False):
        self.order.append((name, rows))
        return sample(1.0, self.proofs.get((name, rows), PROOF))

    def peer(self, peer, rows, *, reads_only=False):
        return self.run(peer.method, rows)

    def expected(self, one, rows):
        return self.run(one.ours, rows).proof

    def forget(self, rows):
        self.forgotten.append(rows)

    def say(self, words):
        pass


def test_medians_ratios_and_a_scaled_peer_stand_in_one_line():
    (line,) = lines([measured()])
    assert (line.limit, line.ours, line.peer, line.peer_rows) == (1.0, 1.4, 8.0, 500)
    assert line.limit_ratio == pytest.approx(1.4)
    assert line.peer_ratio == pytest.approx(8.0 / 1.4)


def test_a_scaled_peer_is_marked():
    assert "| ~8.00 s |" in table(measured())


def test_a_peer_that_did_not_run_leaves_its_cells_empty():
    one = measured()
    one.peers["usual way"] = (500, [])
    (line,) = lines([one])
    assert (line.peer, line.peer_ratio, len(line.goals)) == (None, None, 2)
    assert "| – |" in table(one)


def test_the_median_ignores_one_slow_run():
    one = measured()
    one.ours = [sample(1.0), sample(1.1), sample(9.0)]
    assert lines([one])[0].ours == pytest.approx(1.1)


def test_growth_is_told_where_half_the_rows_were_measured():
    small, large = lines([measured(1_000, ours=1.0), measured(2_000, ours=2.5)])
    assert small.growth is None
    assert large.growth == pytest.approx(2.5)
    assert [str(goal)[:1] for goal in small.goals] == ["T", "T", "T"]
    assert large.met[2] is False


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("A1", "ours/limit", 1.8), 1.8, True),
        (Goal("A1", "ours/limit", 1.8), 1.81, False),
        (Goal("A2", "peer/ours", 25), 25.0, True),
        (Goal("A2", "peer/ours", 25), 24.9, False),
        (Goal("L", "2N/N", 2.1), 2.2, False),
        (Goal("A3", "RSS", 300), 210.0, True),
    ],
)
def test_a_goal_is_met_on_its_own_side_of_the_bound(goal, value, met):
    assert goal.met(value) is met


def test_a_missed_goal_says_no():
    assert "**no**" in table(measured(ours=1.6))


def test_memory_is_judged_without_the_idle_process():
    (line,) = lines([measured()])
    assert line.added_rss == 50.0
    assert line.met == [True, True, True]


@pytest.mark.parametrize("key", ["rows", "fen", "sha256", "errors"])
def test_unequal_results_are_named(key):
    assert differences("limit", PROOF | {key: 7}, PROOF) == [f"limit: {key} 7 != {PROOF.get(key)}"]


def test_only_the_agreed_part_of_the_results_is_compared():
    assert differences("limit", PROOF | {"megabytes": 3}, PROOF, ("rows", "fen")) == []


def test_a_line_with_unequal_results_is_invalid_whatever_its_times():
    shown = table(measured(differences=["limit: fen 1 != 2"]))
    assert "INVALID (limit: fen 1 != 2)" in shown
    assert "| yes" not in shown


@pytest.mark.parametrize(("name", "rows"), [("thing:limit", 1_000), ("peers.thing:usual", 500)])
def test_a_run_that_came_to_another_result_makes_the_comparison_invalid(name, rows):
    bases = FakeBases({(name, rows): PROOF | {"fen": 151}})
    found = compare(THING, 1_000, Size({1_000: 1}, 500, 1), bases)
    assert found.differences
    assert "INVALID" in table(found)


def test_limit_ours_and_peer_run_in_turn():
    bases = FakeBases()
    found = compare(THING, 1_000, Size({1_000: 2}, 500, 1), bases)
    names = [name for name, _ in bases.order[1:]]
    there, back = ["thing:limit", "thing:ours"], ["thing:ours", "thing:limit"]
    assert names == [*there, "peers.thing:usual", *back, *there, *back]
    assert (len(found.limit), len(found.ours)) == (4, 4)


def test_bases_are_dropped_when_their_size_is_done():
    bases = FakeBases()
    found = run_all([THING], Size({1_000: 1, 2_000: 1}, 500, 1), bases)
    assert bases.forgotten == [1_000, 2_000]
    assert [one.rows for one in found] == [1_000, 2_000]


def test_every_line_has_a_cell_for_every_title():
    rows = [line for line in table(measured(), measured(2_000)).splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(tables.TITLES) + 1}


def test_figures_can_be_written_as_json():
    found = tables.as_json(lines([measured()]), {"machine": "2 cores"}, [{"name": "error list", "met": True}])
    assert json.loads(json.dumps(found))["lines"][0]["rows"] == 1_000


def test_only_the_chosen_jobs_are_measured():
    assert {one.letter for one in chosen_comparisons({"a", "c"})} == {"a", "c"}


def test_an_unknown_job_is_refused():
    with pytest.raises(SystemExit):
        options(["--only", "a,z"])


def test_json_without_a_file_means_the_screen():
    assert options(["--json"]).json == "-"


def test_every_size_measures_growth():
    for size in SIZES.values():
        assert any(rows * 2 in size.rounds for rows in size.rounds)


def test_every_measured_way_exists():
    from bench.child import function

    for one in COMPARISONS:
        for name in (one.limit, one.ours, *(peer.method for peer in one.peers)):
            assert callable(function(name)), name
