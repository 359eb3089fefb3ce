"""What both routers need."""

from typing import Annotated

from fastapi import Depends, Request

from libs.common.problems import Problem
from services.subsidy import service
from services.subsidy.domain import PolicyError


def _desk(request: Request) -> service.Desk:
    desk: service.Desk = request.app.state.desk
    return desk


Desk = Annotated[service.Desk, Depends(_desk)]


def no_policy(error: PolicyError) -> Problem:
    return Problem(422, error.code, ko=error.ko, en=error.en)
