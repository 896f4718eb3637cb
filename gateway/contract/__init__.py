"""What the broker answers, told in one table and published as an OpenAPI document."""
