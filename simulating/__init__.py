"""What a simulator of a foreign service is made of. Knows neither the services nor the platform."""
