"""What the tests of the pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def no_cache() -> Iterator[None]:
    """Nothing that Streamlit kept of another test."""
    import streamlit as st

    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
