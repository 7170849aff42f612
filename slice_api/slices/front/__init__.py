"""Web front end.

The pages for people in a browser: served from `web/`, made from the catalogue and the OpenAPI document.
"""
