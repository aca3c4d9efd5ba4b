"""python -m launcher.production: the roles and the database on a server of one's own; may run again and again.

ADMIN_URL names a superuser; OWNER_PASSWORD and APP_PASSWORD are set on the roles. Used by docker/init.sh.
"""

import os

from psycopg import sql

from launcher import database


def main() -> None:
    admin = os.environ["ADMIN_URL"]
    database.make_roles(admin)
    with database.session(admin) as connection:
        for role, name in ((database.OWNER, "OWNER_PASSWORD"), (database.APP, "APP_PASSWORD")):
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(os.environ[name])
                )
            )
    database.make_database(admin)


if __name__ == "__main__":
    main()
