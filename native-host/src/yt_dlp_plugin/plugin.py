"""Brings the logins that Stagepass hands over into yt-dlp.

yt-dlp loads this file as a plugin before it opens its cookie jar. Before the first
request to a platform, the program `stagepass` is asked for that platform's cookies. The
cookies that the platform replaces go back when yt-dlp ends. With cookies of its own
(--cookies, --cookies-from-browser, a Cookie header), yt-dlp gets none from here.
"""

import contextlib
import copy
import functools
import importlib
import io
import json
import os
import subprocess
import sys
import threading
import urllib.parse
import weakref

# `stagepass install --yt-dlp` names the installed program here.
PROGRAM = ['stagepass']
# The version of the messages between this plugin and the program.
VERSION = 1
OLDEST_YT_DLP = '2025.03.21'
# How long the program may take, in seconds; at the end it may wait for a browser.
PATIENCE = {'sites': 5, 'session': 5, 'keep': 6}
SIGN_IN_OPTIONS = ('username', 'usenetrc', 'netrc_cmd', 'ap_mso', 'client_certificate')
# The file of a run that `stagepass yt-dlp` or `stagepass doctor` has started.
RUN = os.environ.get('STAGEPASS_RUN')


class Unavailable(Exception):
    """The program gave no answer; says why."""


def report(word):
    """Tells the program that started this run what has happened."""
    if RUN:
        with contextlib.suppress(OSError), open(RUN, 'a', encoding='utf-8') as file:
            file.write(word + '\n')


def run_options():
    """What a person asked `stagepass yt-dlp` for."""
    if not RUN:
        return {}
    try:
        with open(RUN, encoding='utf-8') as file:
            return json.loads(file.readline())
    except (OSError, ValueError):
        return {}


def host_of(url):
    try:
        return (urllib.parse.urlsplit(url).hostname or '').rstrip('.').lower()
    except ValueError:
        return ''


def ask(question, say, **details):
    """The program's answer. `say` gets its notes."""
    message = json.dumps({'version': VERSION, 'question': question, **details}).encode()
    try:
        done = subprocess.run(
            [*PROGRAM, 'plugin'], input=message, capture_output=True, timeout=PATIENCE[question],
            check=False, creationflags=getattr(subprocess, 'CREATE_NO_WINDOW', 0))
    except subprocess.TimeoutExpired:
        raise Unavailable(f'{PROGRAM[0]} did not answer within {PATIENCE[question]} seconds') from None
    except (OSError, RuntimeError) as fault:
        # Python that is ending may refuse to start anything.
        raise Unavailable(f'cannot start {PROGRAM[0]}: {getattr(fault, "strerror", None) or fault}') from None
    for line in done.stderr.decode(errors='replace').splitlines():
        say(line.removeprefix('stagepass: ').removeprefix('note: '))
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Unavailable(
            f'{PROGRAM[0]} gave no answer; if it is older than this plugin, '
            'run "stagepass install --yt-dlp" with the one that you use') from None


class Logins:
    """What one cookie jar has of the person's logins."""

    def __init__(self, ydl, jar):
        self.jar = jar
        self.lock = threading.RLock()
        self.is_off = self.has_asked = False
        self.hosts, self.sessions = {}, set()
        # By platform: what comes back to the program, or None where there are no cookies.
        self.given = {}
        # By platform or host: why nothing must be requested there; by None: why nothing at all.
        self.refused = {}
        self.options = run_options()
        self.signs_in = any(ydl.params.get(option) for option in SIGN_IN_OPTIONS)
        # Only a weak reference: the program that embeds yt-dlp may forget to close it.
        self.ydl = weakref.ref(ydl)
        weakref.finalize(ydl, self.keep)

    def say(self, text):
        ydl = self.ydl()
        if ydl is None:
            sys.stderr.write(f'[stagepass] {text}\n')
        else:
            # Standard output may be what the person asked yt-dlp to print.
            (ydl.report_warning if RUN else ydl.to_screen)(f'[stagepass] {text}')

    def warn(self, text):
        ydl = self.ydl()
        if ydl is None:
            self.say(text)
        else:
            ydl.report_warning(f'[stagepass] {text}', only_once=True)

    def learn_hosts(self):
        """Asks once which hosts have cookies, and brings what no URL names."""
        if self.has_asked:
            return
        self.has_asked = True
        # yt-dlp has put a Cookie header of the person's own into the jar.
        if getattr(self.ydl(), '_YoutubeDL__header_cookies', None):
            self.is_off = True
            return
        answer = self.ask('sites')
        if answer:
            named = self.options.get('platforms', ())
            self.hosts, self.sessions = answer['hosts'], {*answer['sessions'], *named}
            for platform in named:
                self.bring_platform(platform)

    def ask(self, question, **details):
        """The answer, or None after a fault, which is reported."""
        try:
            answer = ask(question, self.say, **details)
            if 'error' not in answer:
                return answer
            if question == 'session':
                self.go_without(details['platform'], answer)
                return None
            fault = answer['error']
        except Unavailable as unavailable:
            fault = str(unavailable)
        if question == 'keep':
            self.warn(f'cookies that were replaced are lost: {fault}')
            return None
        self.is_off = True
        if self.options.get('require_cookies'):
            self.refused[None] = fault
        self.warn(f'no logins are brought: {fault}')
        return None

    def go_without(self, platform, answer):
        report('without cookies')
        if answer['is_fatal']:
            # A named platform is needed for whatever else is requested.
            key = None if platform in self.options.get('platforms', ()) else platform
            self.refused[key] = answer['error']
        else:
            self.say(answer['error'])

    def platform_of(self, url):
        labels = host_of(url).split('.')
        parents = ('.'.join(labels[index:]) for index in range(len(labels)))
        return next((self.hosts[host] for host in parents if host in self.hosts), None)

    def bring(self, url):
        """Brings the cookies of the URL's platform. Returns why the URL must not be requested."""
        with self.lock:
            self.learn_hosts()
            platform = self.platform_of(url)
            if platform not in (None, *self.given) and not self.is_off:
                self.bring_platform(platform)
            return self.refused.get(None) or self.refused.get(platform)

    def bring_platform(self, platform):
        self.given[platform] = None
        if platform not in self.sessions:
            self.lack(platform)
            return
        answer = self.ask('session', platform=platform)
        if answer:
            self.given[platform] = answer['given']
            self.jar.load(io.StringIO(answer['cookie_file']))

    def lack(self, name):
        """Reports or refuses something without cookies."""
        if not RUN:
            return
        text = (f'no cookies of {name}: open it in the browser, log in, and switch on '
                '"Fresh cookies for yt-dlp" in the popup of Stagepass')
        report('without cookies')
        if self.options.get('require_cookies'):
            self.refused[name] = text
        else:
            self.warn(text)

    def start(self, url):
        """Like `bring`, for a URL that the person gave: it may be of a site that nobody knows."""
        refusal, host = self.bring(url), host_of(url)
        with self.lock:
            if not host or self.is_off or self.platform_of(url):
                return refusal
            self.lack(host)
            return self.refused.get(host)

    def are_ours(self, cookie):
        """Whether a cookie is of a platform whose cookies were brought."""
        platform = self.platform_of(f'https://{cookie.domain.lstrip(".")}/')
        return self.given.get(platform) is not None

    def keep(self):
        """Gives the program the cookies as they are now."""
        with self.lock:
            given = [session for session in self.given.values() if session]
            self.given = {}
        if not given:
            return
        file = io.StringIO()
        after = type(self.jar)()
        for cookie in self.jar:
            # Saving changes a cookie.
            after.set_cookie(copy.copy(cookie))
        after.save(file, True, True)
        self.ask('keep', given=given, cookie_file=file.getvalue(), signs_in=self.signs_in)


def has_own_cookies(ydl):
    return ydl.params.get('cookiefile') or ydl.params.get('cookiesfrombrowser')


def logins_of(jar):
    return getattr(jar, '_stagepass', None)


def logins_in(ydl):
    return None if has_own_cookies(ydl) else logins_of(ydl.cookiejar)


def before(owner, name, act):
    """Calls `act` before a method."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def wrapped(self, *args, **kwargs):
        act(self, *args, **kwargs)
        return method(self, *args, **kwargs)

    setattr(owner, name, wrapped)


def bring_into(jar, url):
    logins = logins_of(jar)
    return logins.bring(url) if logins else None


def hook_jar(module):
    """Gives each cookie jar of a YoutubeDL its logins."""
    make = module.YoutubeDL.__dict__['cookiejar'].func

    @functools.wraps(make)
    def cookiejar(self):
        jar = make(self)
        if not has_own_cookies(self):
            jar._stagepass = Logins(self, jar)
        return jar

    module.YoutubeDL.cookiejar = functools.cached_property(cookiejar)
    module.YoutubeDL.cookiejar.__set_name__(module.YoutubeDL, 'cookiejar')
    jar_class = importlib.import_module('yt_dlp.cookies').YoutubeDLCookieJar
    before(jar_class, 'add_cookie_header', lambda jar, request: bring_into(jar, request.get_full_url()))
    before(jar_class, 'get_cookies_for_url', bring_into)


def hook_requests():
    """Brings cookies before a request: some handlers copy the jar then."""
    common = importlib.import_module('yt_dlp.networking.common')
    RequestError = importlib.import_module('yt_dlp.networking.exceptions').RequestError

    def bring(handler, request):
        refusal = bring_into(handler.cookiejar, request.url)
        if refusal:
            raise RequestError(refusal)

    before(common.RequestHandler, '_get_cookiejar', bring)


def hook_runs(module):
    """Looks at each URL of the person's first, and gives replaced cookies back at the end."""
    extract_info = module.YoutubeDL.extract_info
    inside = threading.local()

    @functools.wraps(extract_info)
    def wrapped(self, url, *args, **kwargs):
        logins = logins_in(self)
        if logins is None or getattr(inside, 'a_url', False):
            return extract_info(self, url, *args, **kwargs)
        inside.a_url = True
        try:
            refusal = logins.start(url)
            if refusal:
                # Raises, unless the person wants to go on after errors.
                self.report_error(refusal, tb=False)
                return None
            return extract_info(self, url, *args, **kwargs)
        finally:
            inside.a_url = False

    def keep(ydl):
        # A jar that was never opened has nothing to keep.
        logins = logins_of(ydl.__dict__.get('cookiejar'))
        if logins:
            logins.keep()

    module.YoutubeDL.extract_info = wrapped
    before(module.YoutubeDL, 'close', keep)


def hide_cookies(module):
    """Keeps what was brought out of information files and of --verbose."""
    calculate = module.YoutubeDL._calc_headers

    @functools.wraps(calculate)
    def without_ours(self, info_dict, *args, **kwargs):
        headers = calculate(self, info_dict, *args, **kwargs)
        logins = logins_in(self)
        # This member is for other runs of yt-dlp, and ends in files and on terminals.
        if logins and any(map(logins.are_ours, self.cookiejar.get_cookies_for_url(info_dict['url']))):
            info_dict.pop('cookies', None)
        return headers

    module.YoutubeDL._calc_headers = without_ours
    downloader = importlib.import_module('yt_dlp.downloader.common').FileDownloader
    show = downloader._debug_cmd

    @functools.wraps(show)
    def hidden(self, args, *more, **kwargs):
        logins = logins_in(self.ydl)
        for cookie in filter(logins.are_ours, self.ydl.cookiejar) if logins else ():
            args = [arg.replace(cookie.value, '…') if cookie.value else arg for arg in args]
        return show(self, args, *more, **kwargs)

    downloader._debug_cmd = hidden


def check():
    """Tries, for `stagepass doctor`, whether the program answers."""
    try:
        answer = ask('sites', lambda note: None)
        report(f'fault {answer["error"]}' if 'error' in answer else 'works')
    except Unavailable as fault:
        report(f'fault {fault}')


def load():
    is_of_a_run = __name__.endswith('_run')
    if os.environ.get('STAGEPASS_YT_DLP') == 'off' and not is_of_a_run:
        return
    version = importlib.import_module('yt_dlp.version').__version__
    if version < OLDEST_YT_DLP:
        sys.stderr.write(
            f'WARNING: [stagepass] yt-dlp {version} is too old to get logins; it needs {OLDEST_YT_DLP} or later\n')
        return
    module = importlib.import_module('yt_dlp.YoutubeDL')
    if not hasattr(module.YoutubeDL, '_stagepass'):
        module.YoutubeDL._stagepass = VERSION
        hook_jar(module)
        hook_requests()
        hook_runs(module)
        hide_cookies(module)
    report('loaded')
    # Only doctor lets the installed plugin take part in a run.
    if RUN and not is_of_a_run:
        check()


load()
