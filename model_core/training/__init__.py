"""How the embedded model is made: composer, captions, datasets and the stages of training. Nothing else imports it."""
