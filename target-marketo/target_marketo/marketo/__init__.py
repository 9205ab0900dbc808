"""The Marketo REST API. Knows no Singer."""
