"""Who looks: nobody in particular on one's own machine, a person logged in by OIDC, or one whom a proxy names."""

from __future__ import annotations

import os

import streamlit as st

OIDC, PROXY = "oidc", "proxy"
MODE = "XAIMED_LOGIN"
# What the usual reverse proxies set once they know who asks.
HEADERS = ("X-Forwarded-Preferred-Username", "X-Forwarded-User", "Remote-User")


def admitted() -> bool:
    """Whether the pages may be shown; else the page has said what to do."""
    if os.environ.get(MODE) != OIDC or st.user.is_logged_in:
        return True
    st.markdown("### xaimed")
    st.info("This dashboard shows medical data. Log in to see it.")
    st.button("Log in", on_click=st.login)
    return False


def person() -> str:
    """The name of who looks, as far as it is known: of the login or the proxy, "" on one's own machine."""
    mode = os.environ.get(MODE, "")
    if mode == OIDC:
        return str(st.user.get("preferred_username") or st.user.get("name") or st.user.get("sub") or "")
    if mode == PROXY:
        return next((found for name in HEADERS if (found := st.context.headers.get(name))), "")
    return ""
