"""The catalog consumes nothing: courses come in by HTTP alone."""

from libs.common.consumer import Handlers

HANDLERS: Handlers = {}
