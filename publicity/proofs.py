"""What `prove` recomputes about the open lists."""

from __future__ import annotations

from disbursement.models.sql import LIVE, PUBLIC_ROW
from huimin.core.records.proofs import proof, rows
from huimin.core.values import privacy
from publicity.models import Disclosure, DisclosureLine
from publicity.rules import OPEN_ROW_SQL

MOST = 20


@proof("公开的每一行都和发到卡上的一样")
def lines_equal_roster() -> tuple[int, list[str]]:
    """Open fields and commitment of every published line against the roster's own line."""
    return rows(
        f"""SELECT '公开 ' || d.id || ' 第 ' || coalesce(o.line_no, p.line_no) || ' 行' FROM publicity_disclosure d
            CROSS JOIN LATERAL (
                SELECT x.line_no, y.line_no AS paid_no FROM
                    (SELECT l.line_no, {OPEN_ROW_SQL} AS open, l.commitment FROM publicity_disclosureline l
                     WHERE l.disclosure_id = d.id) x
                FULL JOIN (SELECT l.line_no, {PUBLIC_ROW} AS open, l.commitment FROM {LIVE}
                           WHERE r.id = d.roster_id) y
                  ON y.line_no = x.line_no AND y.open = x.open AND y.commitment = x.commitment
                WHERE x.line_no IS NULL OR y.line_no IS NULL) o
            CROSS JOIN LATERAL (SELECT o.paid_no AS line_no) p""",  # noqa: S608 -- constants of ours
        count="SELECT count(*) FROM publicity_disclosureline",
    )


@proof("公开名单能算出签章时的指纹")
def roots_hold() -> tuple[int, list[str]]:
    return rows(
        f"""SELECT '公开 ' || d.id FROM publicity_disclosure d JOIN disbursement_roster r ON r.id = d.roster_id
            CROSS JOIN LATERAL (
                SELECT count(*) AS n, coalesce(sum(l.amount), 0) AS s, encode(hm_merkle_root(coalesce(
                    string_agg(hm_leaf({OPEN_ROW_SQL}, l.commitment), ''::bytea ORDER BY l.line_no), ''::bytea)),
                    'hex') AS root
                FROM publicity_disclosureline l WHERE l.disclosure_id = d.id) x
            WHERE (x.n, x.s, x.root) IS DISTINCT FROM (d.line_count::bigint, d.total, d.root::text)
               OR r.content_hash <> d.root""",  # noqa: S608 -- constants of ours
        count="SELECT count(*) FROM publicity_disclosure",
    )


@proof("公开的内容里没有证件号、卡号、电话")
def nothing_private_is_open() -> tuple[int, list[str]]:
    faults: list[str] = []
    texts = DisclosureLine.objects.values_list(
        "disclosure_id", "line_no", "shown_name", "group_name", "village", "standard_text"
    )
    checked = 0
    for disclosure, number, *open_texts in texts.iterator(chunk_size=5000):
        checked += 1
        if privacy.scan("\n".join(open_texts)):
            faults.append(f"公开 {disclosure} 第 {number} 行")
    faults += [
        f"公开 {pk} 的标题"
        for pk, title in Disclosure.objects.values_list("pk", "title")
        if privacy.scan(title)
    ]
    return checked, faults[:MOST]
