"""Brings the logins that Stagepass hands over into yt-dlp.

yt-dlp loads this file as a plugin before it opens its cookie jar. Before the first
request to a platform, the program `stagepass` is asked for that platform's cookies. The
cookies that the platform replaces go back when yt-dlp ends. With cookies of its own
(--cookies, --cookies-from-browser, a Cookie header), yt-dlp gets none from here.
"""

import contextlib
import copy
import functools
import io
import json
import multiprocessing.util
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import weakref
from importlib import import_module

# `stagepass install --yt-dlp` names the installed program here.
PROGRAM = ['stagepass']
# The version of the messages between this plugin and the program.
VERSION = 1
OLDEST_YT_DLP = '2025.03.21'
# How long the program may take, in seconds.
PATIENCE = 5
# What an answer to each question must have.
MEMBERS = {'sites': {'hosts', 'sessions'}, 'session': {'cookie_file', 'given', 'login'}, 'keep': set()}
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


def environment():
    variables = dict(os.environ)
    if RUN:
        variables['STAGEPASS_RUN'] = RUN
    if getattr(sys, 'frozen', False):
        # The libraries that yt-dlp brings along are not for other programs.
        variables['LD_LIBRARY_PATH'] = variables.pop('LD_LIBRARY_PATH_ORIG', '')
    return variables


def converse(question, message):
    """What the program prints. Ctrl-C doesn't end one that keeps cookies, but what comes after it."""
    keeps = question == 'keep'
    process = subprocess.Popen(
        [*PROGRAM, 'plugin'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(), start_new_session=keeps, creationflags=getattr(subprocess, 'CREATE_NO_WINDOW', 0))
    interrupt = None
    try:
        try:
            output, errors = process.communicate(message, PATIENCE)
        except KeyboardInterrupt as pressed:
            if not keeps:
                raise
            interrupt = pressed
            output, errors = process.communicate(timeout=PATIENCE)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return output, errors, interrupt


def ask(question, say, warn, **details):
    """The program's answer. `say` gets its notes, and `warn` what was lost."""
    message = json.dumps({'version': VERSION, 'question': question, **details}).encode()
    try:
        output, errors, interrupt = converse(question, message)
    except subprocess.TimeoutExpired:
        raise Unavailable(f'{PROGRAM[0]} did not answer within {PATIENCE} seconds') from None
    except (OSError, RuntimeError) as fault:
        # Python that is ending may refuse to start anything.
        raise Unavailable(f'cannot start {PROGRAM[0]}: {getattr(fault, "strerror", None) or fault}') from None
    for line in errors.decode(errors='replace').splitlines():
        line = line.removeprefix('stagepass: ')
        if line.startswith('warning: '):
            warn(line.removeprefix('warning: '))
        else:
            say(line.removeprefix('note: '))
    if interrupt:
        raise interrupt
    with contextlib.suppress(ValueError):
        answer = json.loads(output)
        if isinstance(answer, dict) and ('error' in answer or MEMBERS[question] <= answer.keys()):
            return answer
    raise Unavailable(
        f'{PROGRAM[0]} gave no answer; if it is older than this plugin, '
        'run "stagepass install --yt-dlp" with the one that you use')


class Logins:
    """What one cookie jar has of the person's logins."""

    def __init__(self, ydl, jar):
        self.jar = jar
        self.lock = threading.RLock()
        self.is_off = self.has_asked = False
        self.hosts, self.sessions = {}, set()
        # By platform: what comes back to the program, or None where there are no cookies.
        self.given = {}
        # By platform: its cookies as they were then.
        self.brought = {}
        # By platform or host: why nothing must be requested there; by None: why nothing at all.
        self.refused = {}
        self.options = run_options()
        self.signs_in = any(ydl.params.get(option) for option in SIGN_IN_OPTIONS)
        # Only a weak reference: the program that embeds yt-dlp may forget to close it. A forked one ends
        # without Python's other hooks.
        self.ydl = weakref.ref(ydl)
        multiprocessing.util.Finalize(ydl, self.keep, exitpriority=0)

    def say(self, text):
        ydl = self.ydl()
        if ydl:
            # Standard output may be what the person asked yt-dlp to print.
            (ydl.report_warning if RUN else ydl.to_screen)(f'[stagepass] {text}')
        elif sys.stderr:
            sys.stderr.write(f'[stagepass] {text}\n')

    def warn(self, text):
        ydl = self.ydl()
        if ydl:
            ydl.report_warning(f'[stagepass] {text}', only_once=True)
        else:
            self.say(text)

    def learn_hosts(self):
        """Asks once which hosts have cookies, and brings what no URL names."""
        if self.has_asked:
            return
        self.has_asked = True
        # yt-dlp puts a Cookie header of the person's own into the jar.
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
            answer = ask(question, self.say, self.warn, **details)
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
        if self.options.get('require_cookies') or self.options.get('write_back'):
            self.refused[None] = fault
        self.warn(f'no logins are brought: {fault}')
        return None

    def go_without(self, platform, answer):
        report('without cookies')
        if answer.get('is_fatal'):
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
        if answer is None:
            return
        # What was brought before is not the program's own.
        held = set() if platform in self.brought else {name for _, _, name in self.values_of(platform)}
        if held.isdisjoint(answer['login']):
            self.given[platform] = answer['given']
            self.jar.load(io.StringIO(answer['cookie_file']))
            self.brought[platform] = self.values_of(platform)
        else:
            self.say(f'no cookies of {platform} are brought, since this program has a login of its own there')

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
        host = host_of(url) or host_of(f'http://{url}')
        # Other text is a search, or the id of a video.
        if '.' not in host:
            return self.bring('')
        refusal = self.bring(f'http://{host}/')
        with self.lock:
            if self.is_off or self.platform_of(f'http://{host}/'):
                return refusal
            self.lack(host)
            return self.refused.get(host)

    def platform_of_cookie(self, cookie):
        return self.platform_of(f'https://{cookie.domain.lstrip(".")}/')

    def values_of(self, platform):
        own = (cookie for cookie in self.jar if self.platform_of_cookie(cookie) == platform)
        return {(cookie.domain, cookie.path, cookie.name): cookie.value for cookie in own}

    def has_brought(self):
        return bool(self.brought)

    def keep_changed(self):
        """Keeps early what another run may need, also of a program that is ended later. A browser keeps
        its own cookies, so asking it again would bring the former ones."""
        with self.lock:
            changed = [
                platform for platform, session in self.given.items()
                if session and 'browser' not in session['source']
                and self.values_of(platform) != self.brought[platform]]
            self.keep(changed)

    def keep(self, platforms=None):
        """Gives the program the cookies as they are now. Later ones are brought again."""
        with self.lock:
            names = list(self.given) if platforms is None else platforms
            given = {name: session for name in names if (session := self.given.pop(name))}
        if not given:
            return
        after = type(self.jar)()
        for cookie in self.jar:
            if self.platform_of_cookie(cookie) in given:
                # Saving changes a cookie.
                after.set_cookie(copy.copy(cookie))
        file = io.StringIO()
        after.save(file, True, True)
        text = file.getvalue().encode(errors='replace').decode()
        self.ask('keep', given=list(given.values()), cookie_file=text, signs_in=self.signs_in)


def logins_of(jar):
    return getattr(jar, '_stagepass', None)


def logins_in(ydl):
    """None beside cookies of the person's own."""
    has_own = ydl.params.get('cookiefile') or ydl.params.get('cookiesfrombrowser')
    return None if has_own else logins_of(ydl.cookiejar)


def before(method, act):
    """The method, after a call of `act`."""
    @functools.wraps(method)
    def wrapped(self, *args, **kwargs):
        act(self, *args, **kwargs)
        return method(self, *args, **kwargs)

    return wrapped


def jar_hooks(ydl_class, jar_class):
    """Gives each cookie jar of a YoutubeDL its logins."""
    DownloadError = import_module('yt_dlp.utils').DownloadError
    make = ydl_class.__dict__['cookiejar'].func

    def cookiejar(self):
        jar = make(self)
        if not self.params.get('cookiefile') and not self.params.get('cookiesfrombrowser'):
            jar._stagepass = Logins(self, jar)
        return jar

    def bring(jar, url):
        logins = logins_of(jar)
        refusal = logins and logins.bring(url)
        if refusal:
            raise DownloadError(refusal)

    made = functools.cached_property(functools.wraps(make)(cookiejar))
    made.__set_name__(ydl_class, 'cookiejar')
    yield ydl_class, 'cookiejar', made
    yield jar_class, 'add_cookie_header', before(
        jar_class.add_cookie_header, lambda jar, request: bring(jar, request.get_full_url()))
    yield jar_class, 'get_cookies_for_url', before(jar_class.get_cookies_for_url, bring)


def request_hooks(handler_class):
    """Brings cookies before a request: some handlers copy the jar then."""
    RequestError = import_module('yt_dlp.networking.exceptions').RequestError

    def bring(handler, request):
        logins = logins_of(handler.cookiejar)
        refusal = logins and logins.bring(request.url)
        if refusal:
            raise RequestError(refusal)

    yield handler_class, '_get_cookiejar', before(handler_class._get_cookiejar, bring)


def without_cookies(info):
    """What an information file says, without cookies: these would take the place of a login."""
    if isinstance(info, list):
        return [without_cookies(part) for part in info]
    if not isinstance(info, dict):
        return info
    kept = {name: without_cookies(part) for name, part in info.items() if name != 'cookies'}
    headers = kept.get('http_headers')
    if isinstance(headers, dict):
        kept['http_headers'] = {name: text for name, text in headers.items() if name.lower() != 'cookie'}
    return kept


def run_hooks(ydl_class):
    """Looks at each URL of the person's first, and gives replaced cookies back at the end."""
    inside = threading.local()

    def outermost(method, prepare):
        @functools.wraps(method)
        def wrapped(self, given, *args, **kwargs):
            logins = logins_in(self)
            if logins is None or getattr(inside, 'a_url', False):
                return method(self, given, *args, **kwargs)
            url, given = prepare(given)
            inside.a_url = True
            try:
                refusal = logins.start(url)
                if refusal:
                    # Raises, unless the person wants to go on after errors.
                    self.report_error(refusal, tb=False)
                    return None
                return method(self, given, *args, **kwargs)
            finally:
                inside.a_url = False
                logins.keep_changed()

        return wrapped

    def keep(ydl):
        # A jar that was never opened has nothing to keep.
        logins = logins_of(ydl.__dict__.get('cookiejar'))
        if logins:
            logins.keep()

    def of_a_file(info):
        return info.get('webpage_url') or info.get('url') or '', without_cookies(info)

    yield ydl_class, 'extract_info', outermost(ydl_class.extract_info, lambda url: (url, url))
    # Called by itself only for --load-info-json.
    yield ydl_class, 'process_ie_result', outermost(ydl_class.process_ie_result, of_a_file)
    yield ydl_class, 'close', before(ydl_class.close, keep)


def hiding_hooks(ydl_class, downloader_class, external):
    """Keeps what was brought out of information files, of --verbose, and of files that stay."""
    calculate, show, curl = ydl_class._calc_headers, downloader_class._debug_cmd, external.CurlFD._make_cmd
    write = external.ExternalFD._write_cookies

    @functools.wraps(calculate)
    def without_ours(self, info_dict, *args, **kwargs):
        headers = calculate(self, info_dict, *args, **kwargs)
        logins = logins_in(self)
        # This member is for other runs of yt-dlp, and ends in files and on terminals.
        if logins and logins.has_brought():
            info_dict.pop('cookies', None)
        return headers

    @functools.wraps(show)
    def hidden(self, args, *more, **kwargs):
        if logins_in(self.ydl):
            pairs = {f'{cookie.name}={cookie.value}': f'{cookie.name}=…' for cookie in self.ydl.cookiejar}
            for pair in sorted(pairs, key=len, reverse=True):
                args = [arg.replace(pair, pairs[pair]) for arg in args]
        return show(self, args, *more, **kwargs)

    @functools.wraps(curl)
    def quiet(self, *args, **kwargs):
        # curl would show the cookies that it sends.
        loud = {'--verbose'} if logins_in(self.ydl) else ()
        return [arg for arg in curl(self, *args, **kwargs) if arg not in loud]

    @functools.wraps(write)
    def write_beside_run(self):
        if not RUN or not logins_in(self.ydl):
            return write(self)
        # The next run removes it if this one is killed.
        folder, name = os.path.split(RUN)
        descriptor, self._cookies_tempfile = tempfile.mkstemp('.cookies', f'{name}-', folder)
        os.close(descriptor)
        self.ydl.cookiejar.save(self._cookies_tempfile, True, True)
        return self._cookies_tempfile

    yield ydl_class, '_calc_headers', without_ours
    yield downloader_class, '_debug_cmd', hidden
    yield external.CurlFD, '_make_cmd', quiet
    yield external.ExternalFD, '_write_cookies', write_beside_run


def check():
    """Tries, for `stagepass doctor`, whether the program answers."""
    try:
        answer = ask('sites', lambda note: None, lambda note: None)
        report(f'fault {answer["error"]}' if 'error' in answer else 'works')
    except Unavailable as fault:
        report(f'fault {fault}')


def hook():
    ydl_class = import_module('yt_dlp.YoutubeDL').YoutubeDL
    if hasattr(ydl_class, '_stagepass'):
        return
    # All of them, or none: cookies that are brought must be hidden, too.
    hooks = [
        *jar_hooks(ydl_class, import_module('yt_dlp.cookies').YoutubeDLCookieJar),
        *request_hooks(import_module('yt_dlp.networking.common').RequestHandler),
        *run_hooks(ydl_class),
        *hiding_hooks(
            ydl_class, import_module('yt_dlp.downloader.common').FileDownloader,
            import_module('yt_dlp.downloader.external')),
    ]
    for owner, name, method in hooks:
        setattr(owner, name, method)
    ydl_class._stagepass = VERSION


def load():
    is_of_a_run = __name__.endswith('_run')
    if os.environ.get('STAGEPASS_YT_DLP') == 'off' and not is_of_a_run:
        return
    version = import_module('yt_dlp.version').__version__
    try:
        if version < OLDEST_YT_DLP:
            raise AttributeError(f'it needs {OLDEST_YT_DLP} or later')
        hook()
    except (AttributeError, ImportError, KeyError) as fault:
        if sys.stderr:
            sys.stderr.write(f'WARNING: [stagepass] yt-dlp {version} can\'t get logins: {fault}\n')
        return
    report('loaded')
    if is_of_a_run:
        # Programs that yt-dlp starts are not part of the run.
        os.environ.pop('STAGEPASS_RUN', None)
        os.environ.pop('STAGEPASS_YT_DLP', None)
    elif RUN:
        # Only doctor lets the installed plugin take part in a run.
        check()


load()
