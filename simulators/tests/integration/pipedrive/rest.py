"""How tests call the API of the simulated Pipedrive."""

TOKEN = {"x-api-token": "pipedrive-api-token"}
