"""Secrets of the containers, made once: `.env` for docker compose, `secrets.yaml` for Kubernetes.

`python -m deploy.credentials [--folder var/containers]`. Nothing of it belongs into the repository.
"""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.system import SERVICES
from libs.common import issuer
from libs.common.crypto import new_keyring
from libs.common.issuer import write_private

CONTAINER_UID = 10001
"""The user of the images."""
STORED = [service.name for service in SERVICES if service.database]


def password_name(service: str) -> str:
    return f"{service.upper()}_DB_PASSWORD"


def values(kept: Mapping[str, str], clients: Mapping[str, str]) -> dict[str, str]:
    """Every secret by the name it has in `.env`; what was made before stays."""
    made = {name: secrets.token_hex(24) for name in ("POSTGRES_PASSWORD", *map(password_name, STORED))}
    made |= {name: secrets.token_urlsafe(24) for name in ("CONSOLE_SESSION_KEY", "CONSOLE_SIGN_IN_CODE")}
    uid = os.geteuid() or CONTAINER_UID
    fixed = {"CONSOLE_CLIENT_SECRET": clients["console"], "ISSUER_UID": str(uid)}
    return {**made, "KEYRING": new_keyring("first"), **kept, **fixed}


def manifests(known: Mapping[str, str], clients: Mapping[str, str]) -> list[dict[str, Any]]:
    """The Secrets that the manifests of `k8s/` refer to."""
    passwords = {name: value for name, value in known.items() if name.endswith("_PASSWORD")}
    data = {
        "postgres": passwords,
        "issuer": {"credentials.json": json.dumps(clients)},
        "console": {name: value for name, value in known.items() if name.startswith("CONSOLE_")},
    }
    for name in STORED:
        url = f"postgresql+asyncpg://{name}:{known[password_name(name)]}@postgres:5432/{name}"
        data[name] = {"DATABASE_URL": url, "KEYRING": known["KEYRING"]}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "ieum"},
            "type": "Opaque",
            "stringData": dict(entries),
        }
        for name, entries in data.items()
    ]


def write(folder: Path) -> dict[str, str]:
    """Makes what is missing; gives every secret by its name."""
    clients = issuer.bootstrap(folder / "state")
    env = folder / ".env"
    lines = env.read_text().splitlines() if env.exists() else []
    known = values(dict(line.split("=", 1) for line in lines if "=" in line), clients)
    write_private(env, "".join(f"{name}={value}\n" for name, value in sorted(known.items())))
    write_private(folder / "secrets.yaml", yaml.safe_dump_all(manifests(known, clients), sort_keys=False))
    if os.geteuid() == 0:
        # The issuer's container is not root, and the files are for their owner only.
        for path in (folder / "state", *(folder / "state").rglob("*")):
            os.chown(path, CONTAINER_UID, CONTAINER_UID)
    return known


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.credentials", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/containers"))
    folder: Path = parser.parse_args(arguments).folder
    known = write(folder)
    sys.stdout.write(f"docker compose --env-file {folder}/.env up --build --wait\n")
    sys.stdout.write(f"kubectl apply -f {folder}/secrets.yaml\n")
    sys.stdout.write(f"python -m cli --state {folder}/state sample\n")
    sys.stdout.write(f"http://127.0.0.1:8000/console/sign-in?code={known['CONSOLE_SIGN_IN_CODE']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
