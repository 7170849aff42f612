"""The session of the web page."""

from fastapi import APIRouter, Request, Response

from slice_api.chassis import Caller, Db, Principal, described, public, requires
from slice_api.chassis.authentication import caller_of_key, session_token_in
from slice_api.chassis.exchange import exchange_of
from slice_api.chassis.sessions import COOKIE, LIFETIME, close_session, open_session
from slice_api.slices.session.schemas import SessionView, SignIn

router = APIRouter()


def _view(caller: Principal) -> SessionView:
    return SessionView(key_id=caller.key_id, name=caller.name, scopes=list(caller.scopes))


def _set_cookie(response: Response, token: str, seconds: int, *, is_secure: bool) -> None:
    response.set_cookie(COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=is_secure, path="/")


@router.post("", status_code=201, responses=described(401))
@public
async def sign_in(body: SignIn, db: Db, request: Request, response: Response) -> SessionView:
    """Sign in with a key: the answer sets a cookie that works for the web page alone."""
    exchange = exchange_of(request.scope)
    caller = await caller_of_key(exchange, body.key.get_secret_value())
    token, _ = await db.transact(open_session, caller)
    is_secure = exchange.base_url.startswith("https:")
    _set_cookie(response, token, int(LIFETIME.total_seconds()), is_secure=is_secure)
    response.headers["Location"] = "/api/session"
    return _view(caller)


@router.get("")
@requires()
async def read_session(caller: Caller) -> SessionView:
    """Who asks, and what they may do; works with a key as well."""
    return _view(caller)


@router.delete("", status_code=204)
@requires()
async def sign_out(db: Db, request: Request, response: Response) -> None:
    """Sign out: the session ends at once, everywhere."""
    token = session_token_in(exchange_of(request.scope).given)
    if token is not None:
        await db.transact(close_session, token)
    _set_cookie(response, "", 0, is_secure=False)
