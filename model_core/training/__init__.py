"""Training of the embedded model: composer, captions, datasets and stages. Nothing else imports it."""
