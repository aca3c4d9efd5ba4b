"""What makes the triggers hold against whoever may write SQL as the app role.

django-pgtrigger lets any session name triggers that it wants ignored, a table in pg_temp stands before the real one in an
unguarded function, and a transaction that works on a snapshot (REPEATABLE READ) lets a guard read what was true before it
waited for its lock. All three doors are closed by the owner after every migration, since each new table or trigger opens them
again.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

# trigger functions, and the clock that they and the services read
_FUNCTIONS = """
    SELECT p.oid::regprocedure::text AS name, p.proconfig, p.prorettype
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'public'::regnamespace AND l.lanname IN ('plpgsql', 'sql')
      AND (p.prorettype = 'trigger'::regtype OR p.proname = 'business_now')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
# the first of a table's triggers by its name: tables that have others and not this one
_IN_TURN = "a_in_turn"
_UNGUARDED = f"""
    SELECT c.oid::regclass::text AS name FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = '{_IN_TURN}')
"""  # noqa: S608
_PATH = "search_path=pg_catalog, public, pg_temp"
_HARDEN = f"""
DO $$ DECLARE one record; BEGIN
    IF to_regproc('public._pgtrigger_should_ignore') IS NOT NULL THEN
        CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
            LANGUAGE sql IMMUTABLE AS 'SELECT false';
    END IF;
    FOR one IN SELECT * FROM ({_FUNCTIONS}) f WHERE '{_PATH}' <> ALL (coalesce(proconfig, '{{}}')) LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', one.name);
    END LOOP;
    EXECUTE $body$CREATE OR REPLACE FUNCTION public.in_turn() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION '只能在 READ COMMITTED 的事务里写' USING ERRCODE = '25001';
        END IF;
        RETURN NULL;
    END $f$ SET search_path = pg_catalog, public, pg_temp$body$;
    FOR one IN {_UNGUARDED} LOOP
        EXECUTE format('CREATE TRIGGER {_IN_TURN} BEFORE INSERT OR UPDATE OR DELETE ON %s
                        FOR EACH STATEMENT EXECUTE FUNCTION public.in_turn()', one.name);
    END LOOP;
END $$;
"""  # noqa: S608
# one text per door that stands open
OPEN_DOORS = f"""
    SELECT '函数 ' || name || ' 没有固定 search_path' FROM ({_FUNCTIONS}) f
    WHERE '{_PATH}' <> ALL (coalesce(proconfig, '{{}}'))
    UNION ALL
    SELECT '触发器可以被会话关掉' FROM pg_proc WHERE proname = '_pgtrigger_should_ignore' AND prosrc <> 'SELECT false'
    UNION ALL
    SELECT '表 ' || name || ' 可以在快照事务里写' FROM ({_UNGUARDED}) u
    UNION ALL
    SELECT '触发器 ' || t.tgname || ' 被停用' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'O'
"""  # noqa: S608
COUNT = f"SELECT count(*) FROM ({_FUNCTIONS}) f"  # noqa: S608


def harden(using: str = "default", **_: Any) -> None:
    """After a migration, as the owner: no session switches a trigger off, no temporary table stands before a real one."""
    with connections[using].cursor() as cursor:
        cursor.execute(_HARDEN)
