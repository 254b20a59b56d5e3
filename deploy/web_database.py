"""``python -m deploy.web_database``: the web app's database at its present schema; prints the first sign-in link.

Both in one process, since importing the app takes most of the time. Prints nothing when somebody may sign in already.
"""

from flask_migrate import upgrade

from webapp import create_app
from webapp.accounts.users import has_users
from webapp.accounts.views import first_admin_token
from webapp.services import Services


def main() -> None:
    """Upgrade the schema, then print the link that makes the first account."""
    app = create_app()
    services: Services = app.extensions["services"]
    with app.app_context():
        upgrade()
        if not has_users():
            print(f"{services.settings.public_url}/first-admin/{first_admin_token(services.settings)}")


if __name__ == "__main__":
    main()
