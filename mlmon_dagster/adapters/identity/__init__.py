"""Providers that say who somebody is: GitHub, an AWS load balancer, GitHub Actions."""
