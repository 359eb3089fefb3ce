#!/bin/bash
# One role and one database per service; a role may connect to its own database only.
# The server's image runs this once, when its data folder is empty.
set -euo pipefail
for service in interagency diagnosis matching subsidy catalog; do
  psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 -v service="$service" -v variable="${service^^}_DB_PASSWORD" <<'SQL'
\getenv password :variable
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 -c "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC"
