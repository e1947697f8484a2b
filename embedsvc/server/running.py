"""Start the service: check what can be checked, listen, and serve in one process or several."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from embedsvc.server.api_keys import ApiKeys
from embedsvc.server.listening import address_of, is_loopback, listen
from embedsvc.server.native_notes import Quiet, quietly
from embedsvc.server.process import Told
from embedsvc.server.settings import ServeSettings
from embedsvc.server.startup_checks import check_settings


def run(settings: ServeSettings, *, say: Callable[[str], None], quiet: Quiet = nullcontext) -> None:
    """Serve until SIGTERM or Ctrl-C; a second Ctrl-C ends at once, with exit code 130.

    Args:
        settings: what is served, and where.
        say: tells people where the service is and what they should know.
        quiet: holds back what native libraries write to stderr while models load.

    Raises:
        InputError: the settings are not usable, or the port is in use.
        ArtifactError: a folder is no model.
        EmbedsvcError: a model cannot be loaded.
    """
    start = time.monotonic()
    places = check_settings(settings)
    names = ", ".join(one.name for one in places)
    with listen(settings.host, settings.port) as listener:
        address = address_of(listener)
        for note in _notes(settings, open_to_others=not is_loopback(listener)):
            say(note)

        def listening() -> None:
            say(f"Listening on {address} (loading {names}) ...")

        def loaded(err: BaseException | None) -> None:
            if err is None:
                seconds = time.monotonic() - start
                say(f"Ready after {seconds:.1f} s: POST {address}/v1/embeddings, page {address}/")

        def stopping() -> None:
            say("Stopping when all that was accepted is answered; Ctrl-C stops at once ...")

        if settings.workers > 1:
            from embedsvc.server.workers import Workers

            told = Told(listening, loaded, stopping)
            Workers(settings, listener, told, say=say, quiet=quiet).run()
            return
        # FastAPI takes a second, which what was refused above need not wait for.
        from embedsvc.server.serving import serve

        with quietly(quiet) as loud:

            def loaded_here(err: BaseException | None) -> None:
                loud(err)
                loaded(err)

            serve(settings, listener, Told(listening, loaded_here, stopping))


def _notes(settings: ServeSettings, *, open_to_others: bool) -> list[str]:
    if settings.api_key_file is not None:
        return list(ApiKeys.read(settings.api_key_file).notes)
    if open_to_others:
        return [
            f"Whoever reaches {settings.host} can use this service: it asks for no key. To ask for "
            "one: embedsvc api-key new NAME --file keys.toml, then --api-key-file keys.toml"
        ]
    return []
