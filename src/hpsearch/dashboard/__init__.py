"""Live pages made of the same figures as reports, a JSON API, and the guard before both."""
