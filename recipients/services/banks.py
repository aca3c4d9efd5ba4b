"""At which of the county's paying banks an account is: by its 联行号 where that is known, else by the written name.

Said once, in SQL, for an import of 100,000 accounts as for one that was changed. A bank is known by its own name and by
the other names written under 机构 (行名写法); the longest that fits decides, and where two banks fit alike, none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from huimin.core import reference
from huimin.core.records import audit
from huimin.core.work import jobs
from huimin.core.work.jobs import JobRun

if TYPE_CHECKING:
    from huimin.core.models import User

# the names n of the paying banks: those with a file format, each for the county that it is in
_NAMES = """SELECT left(o.division_id, 6) AS county, o.id AS bank_id, btrim(x) AS name FROM core_office o
    CROSS JOIN LATERAL unnest(string_to_array(o.bank_names, '、') || o.name::text) AS x
    WHERE o.kind = 'bank' AND o.bank_format <> '' AND btrim(x) <> ''"""


# whether the bank n is meant by a row w of county_code, branch_code and bank_name, whose branch is b where it is known
_FITS = """n.county = left(w.county_code, 6) AND CASE WHEN b.code IS NULL THEN starts_with(w.bank_name, n.name)
    ELSE b.bank = n.name OR starts_with(b.name, n.name) END"""


def banks_at(written: str) -> str:
    """A FROM item: the bank_id (or NULL) of every distinct county_code, branch_code and bank_name that `written` selects."""
    return f"""(SELECT w.county_code, w.branch_code, w.bank_name, (
        SELECT CASE WHEN min(fits.bank_id) = max(fits.bank_id) THEN min(fits.bank_id) END FROM (
            SELECT n.bank_id FROM ({_NAMES}) n LEFT JOIN core_bankbranch b ON b.code = w.branch_code
            WHERE {_FITS}
            ORDER BY length(n.name) DESC FETCH FIRST 1 ROW WITH TIES) fits) AS bank_id
        FROM (SELECT DISTINCT county_code, branch_code, bank_name FROM ({written}) rows) w)"""  # noqa: S608 -- constants of ours


_ONE = f"SELECT bank_id FROM {banks_at('SELECT %s::text AS county_code, %s::text AS branch_code, %s::text AS bank_name')} w"  # noqa: S608

_IN_USE = """recipients_account a JOIN recipients_person p ON p.id = a.person_id"""
# accounts a in use whose bank is another than the rule says; 200,000 of them know a few hundred ways to write a bank
OTHERWISE = f"""{_IN_USE}
    JOIN {banks_at(f"SELECT p.county_code, a.branch_code, a.bank_name FROM {_IN_USE} WHERE a.is_active")} w
      ON (w.county_code, w.branch_code, w.bank_name) = (p.county_code, a.branch_code, a.bank_name)
    WHERE a.is_active AND a.bank_id IS DISTINCT FROM w.bank_id"""  # noqa: S608 -- constants of ours


# who writes an account by the banks of today is done before the accounts are settled by those of tomorrow
_LOCK = "hashtext('recipients.banks')"


def hold_banks() -> None:
    """Before the bank of an account is asked that is written in this transaction: whoever settles all accounts waits for it.

    Taken before any account is locked, which the one that settles locks afterwards.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")


def bank_at(county_code: str, *, branch_code: str, bank_name: str) -> int | None:
    """The paying bank of one account, which is held to it (hold_banks)."""
    hold_banks()
    with connection.cursor() as cursor:
        cursor.execute(_ONE, [county_code, branch_code, bank_name])
        found: int | None = cursor.fetchone()[0]
    return found


@transaction.atomic
def settle_accounts(*, actor: User | None) -> int:
    """Ask anew at which bank every account in use is; returns how many are at another than before. In one statement.

    Accounts that are being written meanwhile are waited for, as long as an import takes: they may have asked before the
    bank was saved.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '1800s'")
        cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        cursor.execute(f"SELECT count(*) FROM {OTHERWISE}")  # noqa: S608 -- a constant of ours
        changed = int(cursor.fetchone()[0])
        # the trail before the rows, which are taken only with it (settling_banks_is_told)
        audit.record(
            "recipients.account",
            action="bank.settle",
            actor=actor,
            label="认定账户所在的代发银行",
            detail={"changed": changed},
        )
        cursor.execute(
            f"""UPDATE recipients_account t SET bank_id = x.bank_id
                FROM (SELECT a.id, w.bank_id FROM {OTHERWISE}) x WHERE t.id = x.id"""  # noqa: S608 -- constants of ours
        )
        return int(cursor.rowcount)


class AccountsInUse:
    """What the ground floor asks before a bank is registered or renamed (huimin.core.reference.foresee)."""

    def matched(self, bank: int) -> list[tuple[str, int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT n.name, coalesce(sum(w.count) FILTER (WHERE {_FITS}), 0)::bigint FROM ({_NAMES}) n
                    LEFT JOIN (SELECT p.county_code, a.branch_code, a.bank_name, count(*) FROM {_IN_USE} WHERE a.is_active
                                GROUP BY p.county_code, a.branch_code, a.bank_name) w ON true
                    LEFT JOIN core_bankbranch b ON b.code = w.branch_code
                    WHERE n.bank_id = %s GROUP BY n.name ORDER BY n.name""",  # noqa: S608 -- constants of ours
                [bank],
            )
            return cursor.fetchall()

    def moved(self) -> list[tuple[int | None, int | None, int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT a.bank_id, w.bank_id, count(*) FROM {OTHERWISE} GROUP BY a.bank_id, w.bank_id
                    ORDER BY a.bank_id IS NULL, count(*) DESC"""  # noqa: S608 -- a constant of ours
            )
            return cursor.fetchall()


reference.tell_accounts(AccountsInUse())


@jobs.handler(reference.SETTLE_ACCOUNTS, is_whole=True)
def _settle_job(run: JobRun) -> None:
    with run.transaction():
        lost = sum(count for before, after, count in AccountsInUse().moved() if before and not after)
        changed = settle_accounts(actor=run.actor)
    gone = f"，其中 {lost:,} 个变为没有代发银行，请核对行名写法" if lost else ""
    run.progress(changed, changed, f"已认定，{changed:,} 个账户的代发银行有变{gone}")
