"""What the gateway answers by itself: the joined overview, the joined OpenAPI document, its page."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import yaml
from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from libs.common.kit import Kit
from libs.common.security import OpsCaller
from services.gateway.routes import SERVICES

router = APIRouter()
_pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape())
_DOCUMENTED = (*SERVICES, "issuer")
_KOREAN = yaml.safe_load((Path(__file__).parent / "korean.yaml").read_text(encoding="utf-8"))


@router.get("/v1/overview", tags=["overview"])
async def overview(request: Request, caller: OpsCaller) -> Response:
    """Counts and health of every service at once; a service that does not answer is shown as such."""
    kit: Kit = request.app.state.kit
    headers = {"Authorization": request.headers["authorization"]}
    answers = await asyncio.gather(*(_ask(kit, name, f"/ops/{name}/status", headers) for name in SERVICES))
    return JSONResponse({"as_of": kit.clock().isoformat(), "services": dict(zip(SERVICES, answers, strict=True))})


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    return JSONResponse(await joined_document(request.app.state.kit, request.app.openapi()))


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    document = await joined_document(request.app.state.kit, request.app.openapi())
    page = _pages.get_template("docs.html").render(document=document, sections=sections(document))
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


@router.get("/", include_in_schema=False)
async def root() -> Response:
    return RedirectResponse("/docs")


async def _ask(kit: Kit, service: str, path: str, headers: dict[str, str]) -> Any:
    try:
        async with kit.client(service, timeout=5.0) as client:
            answer = await client.get(path, headers=headers)
    except httpx.HTTPError:
        return {"available": False}
    if answer.status_code != 200:
        return {"available": False, "status": answer.status_code}
    return {"available": True, **answer.json()}


async def joined_document(kit: Kit, own: dict[str, Any]) -> dict[str, Any]:
    """One OpenAPI 3.1 document of all services; a service that is away is left out and named."""
    joined: dict[str, Any] = {
        **own,
        "info": {
            "title": "AX 이음",
            "version": "1",
            "description": "중소기업의 AI 전환과 AI 훈련을 잇습니다. / Links SMEs in AI transformation to AI training.",
        },
        "paths": dict(own.get("paths", {})),
        "components": {
            "schemas": dict(own.get("components", {}).get("schemas", {})),
            "securitySchemes": {
                "clientCredentials": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": {}}},
                }
            },
        },
        "security": [{"clientCredentials": []}],
        "x-missing-services": [],
    }
    documents = await asyncio.gather(*(_ask(kit, name, "/openapi.json", {}) for name in _DOCUMENTED))
    for name, document in zip(_DOCUMENTED, documents, strict=True):
        if not document["available"]:
            joined["x-missing-services"].append(name)
            continue
        for path, item in document["paths"].items():
            joined["paths"].setdefault(path, _renamed(item, name))
        for schema, body in document.get("components", {}).get("schemas", {}).items():
            joined["components"]["schemas"][f"{name}_{schema}"] = _renamed(body, name)
    return joined


def _renamed(node: Any, service: str) -> Any:
    """References made to point at the service's own schemas, since two services may use one name."""
    if isinstance(node, dict):
        return {
            key: _reference(value, service) if key == "$ref" else _renamed(value, service)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_renamed(item, service) for item in node]
    return node


def _reference(target: str, service: str) -> str:
    return target.replace("#/components/schemas/", f"#/components/schemas/{service}_")


def sections(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The document in the order of the page, each request with its Korean sentence; new ones stand last."""
    found = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    made = []
    for section in _KOREAN["sections"]:
        listed = [(name, ko) for name, ko in section["operations"].items() if name in found]
        shown = [_shown(name, ko, found.pop(name), document) for name, ko in listed]
        made.append({"title": section["tag"], "operations": shown})
    if found:
        others = [_shown(name, "", found[name], document) for name in sorted(found)]
        made.append({"title": "기타 / others", "operations": others})
    return made


def _shown(name: str, ko: str, operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    body = operation.get("requestBody", {}).get("content", {})
    return {
        "method": method,
        "path": path,
        "ko": ko,
        "en": operation.get("description") or operation.get("summary", ""),
        "parameters": [*operation.get("parameters", []), *_members(body.get("application/json", {}), document)],
        "media": list(body),
        "answers": sorted(set(operation.get("responses", {})) - {"default"}),
    }


def _members(content: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    """The values of a JSON body, those of an inner object as `outer.inner`."""
    made = []
    schema = _resolved(content.get("schema", {}), document)
    for name, member in schema.get("properties", {}).items():
        inner = _resolved(member, document)
        row = {"name": name, "in": "body", "required": name in schema.get("required", [])}
        said = member.get("description") or ", ".join(map(str, inner.get("enum", [])))
        made.append({**row, "description": said})
        made.extend({**row, "name": f"{name}.{row['name']}"} for row in _members({"schema": inner}, document))
    return made


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """What a reference, or a choice between something and nothing, stands for."""
    for choice in schema.get("anyOf", []):
        if choice != {"type": "null"}:
            return _resolved(choice, document)
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"].get(name, schema)
    return found
