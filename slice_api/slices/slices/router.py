"""The report cards over HTTP."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request

from slice_api.chassis import Db, Page, Paging, Service
from slice_api.chassis.report import Card, facts_of
from slice_api.slices.slices import handlers, store

router = APIRouter()


@router.get("")
async def list_slices(request: Request, db: Db, service: Service, page: Paging) -> Page[Card]:
    """List the report cards of all slices by name, of those too that are left out."""
    names, sizes = await db.transact(store.by_name, service.cards.found, page)
    facts = facts_of(request.app, service.settings.storage_url)
    cards = await asyncio.to_thread(handlers.read_cards, service.cards, names.items, facts, sizes)
    return Page[Card](items=cards, next=names.next)


@router.get("/{name}")
async def read_slice(
    name: Annotated[str, Path(examples=["links"])], request: Request, db: Db, service: Service
) -> Card:
    """Read the report card of one slice."""
    found = handlers.find(service.cards, name)
    sizes = await db.transact(store.sizes, [found])
    facts = facts_of(request.app, service.settings.storage_url)
    [card] = await asyncio.to_thread(handlers.read_cards, service.cards, [name], facts, sizes)
    return card
