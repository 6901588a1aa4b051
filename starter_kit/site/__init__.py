"""Talking to the site: who asks, what is fetched, what is sent."""
