"""The bus over RabbitMQ, 3.10 and 4.x: quorum queues, publisher confirms, at-least-once dead-lettering."""
