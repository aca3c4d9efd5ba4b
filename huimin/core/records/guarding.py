"""What makes the triggers hold against whoever may write SQL as the app role.

django-pgtrigger lets any session name triggers that it wants ignored, and a table in pg_temp stands before the real one in an
unguarded function. Both doors are closed by the owner after every migration, since each new trigger opens them again.
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
END $$;
"""  # noqa: S608
# one text per door that stands open
OPEN_DOORS = f"""
    SELECT '函数 ' || name || ' 没有固定 search_path' FROM ({_FUNCTIONS}) f
    WHERE '{_PATH}' <> ALL (coalesce(proconfig, '{{}}'))
    UNION ALL
    SELECT '触发器可以被会话关掉' FROM pg_proc WHERE proname = '_pgtrigger_should_ignore' AND prosrc <> 'SELECT false'
    UNION ALL
    SELECT '触发器 ' || t.tgname || ' 被停用' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'O'
"""  # noqa: S608
COUNT = f"SELECT count(*) FROM ({_FUNCTIONS}) f"  # noqa: S608


def harden(using: str = "default", **_: Any) -> None:
    """After a migration, as the owner: no session switches a trigger off, no temporary table stands before a real one."""
    with connections[using].cursor() as cursor:
        cursor.execute(_HARDEN)
