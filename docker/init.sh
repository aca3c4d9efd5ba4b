#!/bin/sh
# Makes the two roles and the database if they are missing, then migrates as the owner. Safe to run at every start.
set -eu
admin=$(cat /run/secrets/postgres_password)
owner=$(cat /run/secrets/owner_password)
app=$(cat /run/secrets/app_password)
export ADMIN_URL="postgresql://postgres:$admin@postgres:5432/postgres"
OWNER_PASSWORD=$owner APP_PASSWORD=$app python -m launcher.production
export DATABASE_URL="postgresql://huimin_owner:$owner@postgres:5432/huimin"
export DATABASE_OWNER_URL="$DATABASE_URL"
export HUIMIN_PG_OPTIONS="-c statement_timeout=0 -c lock_timeout=0 -c jit=off"
exec python manage.py migrate --noinput
