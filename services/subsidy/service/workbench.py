"""The policy workbench (정책 작업대): proposals, their approval by a second person, and from when a version applies."""

import asyncio
import json
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db import Tx
from libs.common.problems import FieldError, Problem, invalid, not_found
from libs.contracts.subsidy import PolicyActivatedV1
from libs.reference.calendar import korean_day
from services.subsidy import store
from services.subsidy.domain import Policy, PolicyInvalid, parse
from services.subsidy.domain.lint import Finding, changed_days, errors, lint
from services.subsidy.service.desk import Activation, Desk

_SHOWN = 500
"""Characters of a fault that are told: it quotes what was sent."""
_MISSING = not_found("정책 판", "Policy version")


async def propose(
    tx: Tx, desk: Desk, client: str, label: str, base: str | None, changes: dict[str, Any], reason: str
) -> str:
    """Stores base and changes as one edition (정책 판 제안); gives its version, the same for the same content.

    Raises `Problem` with every fault and its parameter.
    """
    await desk.follow(tx.conn)
    await desk.keep(tx)
    version = base or desk.policy_on(korean_day(tx.now)).version
    row = await store.policy(tx.conn, version)
    if row is None:
        raise invalid([FieldError("base", "policy-unknown", "없는 정책 판입니다.", "No such policy version.", version)])
    documents = _changed(row["documents"], changes)
    try:
        policy = parse(label, documents)
    except PolicyInvalid as error:
        raise _faulty(error.faults) from error
    except RecursionError as error:
        raise _faulty(["changes: 너무 깊게 겹친 자료입니다 / nested too deep"]) from error
    if documents == row["documents"]:
        ko, en = (
            "바탕 판과 내용이 같습니다. 바꿀 것을 적어 주세요.",
            "The content is that of the base; nothing changes.",
        )
        raise invalid([FieldError("changes", "nothing-changed", ko, en)])
    await store.keep_policy(tx.conn, policy.version, label, documents, tx.now)
    head = {"policy_version": policy.version, "label": label, "base": version, "status": "proposed"}
    new = await store.workbench.add_proposal(tx.conn, {**head, "proposed_by": client, "proposed_at": tx.now})
    known = await store.workbench.proposal(tx.conn, policy.version, lock=True)
    assert known is not None
    if not new and known["status"] == "rejected":
        await store.workbench.set_status(tx.conn, policy.version, "proposed")
    authors = await _authors(tx.conn, policy.version)
    if new or known["status"] == "rejected" or client not in authors:
        await _step(tx, policy.version, "proposed", client, reason)
    return policy.version


def _changed(documents: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    faults = []
    for name, document in changes.items():
        if document is None and name not in documents:
            faults.append(f"{name}: 바탕 판에 없어 뺄 수 없습니다 / not in the base, cannot be removed")
        if isinstance(document, dict) and not isinstance(document.get("by"), str | None):
            faults.append(f"{name}: 모르는 구분입니다 / unknown dimension: {document['by']!r}")
        try:
            json.dumps([name, document], ensure_ascii=False).encode()
        except (UnicodeEncodeError, RecursionError):
            faults.append(f"{name!a}: 깨진 글자가 있거나 너무 깊습니다 / broken characters, or nested too deep")
    if faults:
        raise _faulty(faults)
    merged = {**documents, **changes}
    return {name: document for name, document in merged.items() if document is not None}


def _faulty(faults: list[str]) -> Problem:
    listed = []
    for fault in faults:
        parameter, _, text = fault.partition(": ")
        ko, _, en = text[:_SHOWN].partition(" / ")
        listed.append({"parameter": parameter, "ko": ko, "en": en or ko})
    ko, en = (
        f"정책 자료 {len(faults)}곳을 고쳐 주세요.",
        f"The policy data must be corrected in {len(faults)} place(s).",
    )
    return Problem(422, "policy-invalid", ko=ko, en=en, errors=listed)


async def _step(tx: Tx, version: str, step: str, actor: str, reason: str | None) -> None:
    row = {"step_id": tx.new_id(), "policy_version": version, "step": step, "actor": actor, "reason": reason}
    await store.workbench.add_step(tx.conn, {**row, "at": tx.now})


async def _authors(conn: AsyncConnection, version: str) -> set[str]:
    """Who proposed it, or a proposal that it builds on and that nobody else has approved."""
    found: set[str] = set()
    seen: set[str] = set()
    known = await store.workbench.proposal(conn, version)
    # A proposal that undoes another leads back to the version on which that one builds.
    while known is not None and known["policy_version"] not in seen:
        seen.add(known["policy_version"])
        steps = await store.workbench.steps_of(conn, known["policy_version"])
        found |= {step["actor"] for step in steps if step["step"] == "proposed"}
        known = await store.workbench.proposal(conn, known["base"])
        if known is not None and known["status"] == "approved":
            break
    return found


async def findings(conn: AsyncConnection, desk: Desk, version: str, today: date) -> list[Finding]:
    """The lint of a version against its base; it settles many thousand cases, so outside of a transaction."""
    policy, base = await _edition(conn, desk, version), None
    known = await store.workbench.proposal(conn, version)
    if known is not None:
        base = await _edition(conn, desk, known["base"])
    return await asyncio.to_thread(lint, policy, base, today)


async def _edition(conn: AsyncConnection, desk: Desk, version: str) -> Policy:
    if version != desk.policy.version and await store.policy(conn, version) is None:
        raise _MISSING
    return await desk.edition(conn, version)


async def approve(tx: Tx, version: str, client: str, found: list[Finding]) -> None:
    """Approval by a second person (두 번째 사람의 승인); `found` is the lint of the version."""
    known = await _proposal(tx, version)
    if client in await _authors(tx.conn, version):
        ko = "자기가 제안하거나 바꾼 판은 승인할 수 없습니다. 다른 사람이 승인해야 합니다."
        raise Problem(403, "second-person-needed", ko=ko, en="Who proposed a version cannot approve it; another must.")
    if known["status"] == "approved":
        return
    if known["status"] == "rejected":
        ko, en = "반려된 판입니다. 다시 제안한 뒤 승인하세요.", "This version was rejected; propose it again first."
        raise Problem(409, "proposal-rejected", ko=ko, en=en)
    if wrong := errors(found):
        ko, en = f"점검에서 오류 {len(wrong)}건이 나왔습니다.", f"The lint found {len(wrong)} error(s)."
        raise Problem(409, "lint-errors", ko=ko, en=en, findings=[asdict(one) for one in wrong])
    await store.workbench.set_status(tx.conn, version, "approved")
    await _step(tx, version, "approved", client, None)


async def reject(tx: Tx, desk: Desk, version: str, client: str, reason: str) -> None:
    """Rejection (반려) of what has not been activated."""
    known = await _proposal(tx, version)
    await desk.follow(tx.conn)
    if any(one.policy_version == version for one in desk.timeline):
        ko, en = (
            "이미 시행한 판은 반려할 수 없습니다. 되돌리기를 쓰세요.",
            "It was activated already: roll it back instead.",
        )
        raise Problem(409, "already-activated", ko=ko, en=en)
    if known["status"] != "rejected":
        await store.workbench.set_status(tx.conn, version, "rejected")
        await _step(tx, version, "rejected", client, reason)


async def _proposal(tx: Tx, version: str) -> RowMapping:
    known = await store.workbench.proposal(tx.conn, version, lock=True)
    if known is None:
        raise _MISSING
    return known


async def activate(
    tx: Tx, desk: Desk, version: str, client: str, effective_on: date, retroactive: bool, reason: str | None
) -> Activation:
    """From `effective_on` (KST) on quotes are by this version (시행)."""
    await store.editions.one_at_a_time(tx.conn)
    await desk.follow(tx.conn)
    await desk.keep(tx)
    known = await store.workbench.proposal(tx.conn, version, lock=True)
    used = version == desk.policy.version or any(one.policy_version == version for one in desk.timeline)
    if known is None and not used:
        raise _MISSING
    if not used and known is not None and known["status"] != "approved":
        ko, en = "승인된 판만 시행할 수 있습니다.", "Only an approved version can be activated."
        raise Problem(409, "not-approved", ko=ko, en=en, proposal=known["status"])
    if not used and known is not None:
        await _undoes_nothing(tx, desk, known, effective_on)
    return await _apply(tx, desk, version, client, effective_on, retroactive, reason, "activate")


async def _undoes_nothing(tx: Tx, desk: Desk, known: RowMapping, on: date) -> None:
    """Raises `Problem` where what applies on the day has changes that this version neither holds nor takes back."""
    policy, base = [await desk.edition(tx.conn, known[name]) for name in ("policy_version", "base")]
    applies = desk.policy_on(on)
    if undone := sorted(set(changed_days(policy, applies)) - set(changed_days(policy, base))):
        ko = f"이 판의 바탕({base.version}) 뒤에 {applies.version}이(가) 시행되어, 그 변경이 말없이 사라집니다."
        en = f"{applies.version} applies since; its changes would be undone without a word. Propose again on it."
        ko += " 그 판을 바탕으로 다시 제안하세요."
        raise Problem(409, "base-replaced", ko=ko, en=en, applies=applies.version, parameters=undone)


async def roll_back(
    tx: Tx, desk: Desk, to: str | None, client: str, effective_on: date, retroactive: bool, reason: str
) -> Activation:
    """From `effective_on` on an older version applies again (되돌리기): one more activation, nothing is rewritten.

    Without `to` it is the version that the last activation replaced; a rollback sent twice does not bring it back.
    """
    await store.editions.one_at_a_time(tx.conn)
    await desk.follow(tx.conn)
    await desk.keep(tx)
    if not desk.timeline:
        ko, en = "되돌릴 시행이 없습니다.", "There is no activation to roll back."
        raise Problem(409, "nothing-to-roll-back", ko=ko, en=en)
    if to is None and (await store.editions.history(tx.conn))[-1]["kind"] == "rollback":
        ko = "마지막 시행이 이미 되돌리기입니다. 또 되돌리려면 어느 판으로(to) 되돌릴지 적어 주세요."
        en = "The last activation was a rollback already; to roll back again state to which version (to)."
        raise Problem(409, "already-rolled-back", ko=ko, en=en)
    version = to or desk.before_last().version
    if version != desk.policy.version and all(one.policy_version != version for one in desk.timeline):
        ko, en = "전에 시행한 판으로만 되돌릴 수 있습니다.", "Only a version that applied before can apply again."
        raise invalid([FieldError("to", "never-activated", ko, en, version)])
    return await _apply(tx, desk, version, client, effective_on, retroactive, reason, "rollback")


async def _apply(
    tx: Tx, desk: Desk, version: str, client: str, on: date, retroactive: bool, reason: str | None, kind: str
) -> Activation:
    today = korean_day(tx.now)
    if on < today and not (retroactive and reason):
        ko = f"시행일 {on}이(가) 오늘({today})보다 앞섭니다. 소급하려면 retroactive와 까닭(reason)을 적어 주세요."
        en = f"{on} is before today ({today}); to apply retroactively state retroactive and a reason."
        raise invalid([FieldError("effective_on", "in-the-past", ko, en, on.isoformat())])
    policy = await desk.edition(tx.conn, version)
    if on < policy.dates[0]:
        ko, en = f"이 판은 {policy.dates[0]}부터 있습니다.", f"This version begins on {policy.dates[0]}."
        raise invalid([FieldError("effective_on", "policy-not-begun", ko, en, on.isoformat())])
    if desk.timeline and (desk.timeline[-1].policy_version, desk.timeline[-1].effective_on) == (version, on):
        ko, en = f"이 판은 이미 {on}부터 시행합니다.", f"This version applies from {on} already."
        raise Problem(409, "applies-already", ko=ko, en=en)
    replaced = desk.policy_on(on)
    seq = desk.timeline[-1].seq + 1 if desk.timeline else 1
    coming = (one for one in desk.timeline if one.effective_on > today and one.effective_on >= on)
    cancels = tuple(one.seq for one in coming if desk.number_on(one.effective_on) == one.seq)
    head = {"seq": seq, "policy_version": version, "effective_on": on, "kind": kind}
    await store.editions.add_activation(tx.conn, {**head, "actor": client, "reason": reason, "at": tx.now})
    requote_id = tx.new_id()
    requote = {"requote_id": requote_id, "activation": seq, "policy_version": version, "due_on": max(on, today)}
    await store.requotes.add_requote(
        tx.conn, {**requote, "status": "waiting", "total": 0, "done": 0, "changed": 0}
    )  # fmt: skip
    names = tuple(name for name, days in changed_days(policy, replaced).items() if days)
    tx.emit(PolicyActivatedV1(policy_version=version, effective_on=on, parameters=names, activated_at=tx.now))
    tx.signal("policy", str(seq))
    return Activation(seq, version, on, tx.now, requote_id, cancels)
