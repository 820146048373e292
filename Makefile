PORT ?= 8000
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check lock

run: $(VENV)/runtime
	@$(BIN)/python manage.py up --port $(PORT)

test: $(VENV)/development
	@sh scripts/provision.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python scripts/with_postgres.py --forgetful $(BIN)/python -m pytest -n 2 --dist loadfile \
		-m "not browser and not any_database"

check: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	SECRET_KEY=only-for-this-check-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789 DEBUG=off \
		PUBLIC_URL=https://kieplatform.example DATABASE_URL=postgres://nobody@localhost/nothing \
		KIE_API_KEY=key KIE_BASE_URL=https://api.kie.ai KIE_UPLOAD_URL=https://kieai.redpandaai.co \
		KIE_WEBHOOK_HMAC_KEY=key $(BIN)/python manage.py check --deploy --fail-level WARNING

lock:
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install -q -r requirements.in && $(VENV)/lock/bin/pip freeze > requirements.txt
	$(VENV)/lock/bin/pip install -q -r requirements-dev.in && $(VENV)/lock/bin/pip freeze > requirements-dev.txt

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements.txt
	@touch $@

$(VENV)/development: requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	@touch $@
