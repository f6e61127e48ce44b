/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/page.h"

#include <string.h>

static const char index_html[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Vedette</title>\n<link rel=\"stylesheet\" href=\"/vedette.css\">\n</head>\n<body>\n"
    "<main>\n<p class=\"mark\">Vedette</p>\n"
    "<section lang=\"en\">\n<h1>Your desktops are here</h1>\n"
    "<p>This server gives people their own desktop, anywhere. Open the Vedette client and give it "
    "the address of this page: the part between <code>https://</code> and the next slash.</p>\n"
    "<pre>vedette --server HOST:PORT --user NAME</pre>\n"
    "<p class=\"quiet\">Access from the browser is not built in yet. If the client warns that the "
    "certificate is not trusted, stop and ask your administrator.</p>\n</section>\n"
    "<section lang=\"ko\">\n<h1>데스크톱이 준비되어 있습니다</h1>\n"
    "<p>이 서버는 어디서나 쓸 수 있는 개인 데스크톱을 제공합니다. Vedette 클라이언트를 열고 이 "
    "페이지의 주소, 곧 <code>https://</code> 다음부터 빗금 앞까지를 입력하세요.</p>\n"
    "<pre>vedette --server HOST:PORT --user NAME</pre>\n"
    "<p class=\"quiet\">브라우저 접속은 아직 제공하지 않습니다. 인증서를 신뢰할 수 없다는 경고가 "
    "나오면 멈추고 관리자에게 문의하세요.</p>\n</section>\n</main>\n</body>\n</html>\n";

static const char style_css[] =
    ":root{color-scheme:light dark;--ink:#1d2733;--paper:#f4f6f8;--card:#fff;--line:#dde3ea;"
    "--mark:#1f6f8b}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--paper:#12181f;--card:#1b232c;"
    "--line:#2c3845;--mark:#63b7d1}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;"
    "background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,sans-serif}\n"
    "main{width:min(42rem,92vw);padding:2.5rem;background:var(--card);"
    "border:1px solid var(--line);border-radius:14px}\n"
    ".mark{margin:0 0 1rem;color:var(--mark);font-weight:700;letter-spacing:.04em}\n"
    "section+section{margin-top:2rem;padding-top:2rem;border-top:1px solid var(--line)}\n"
    "h1{margin:0 0 .5rem;font-size:1.35rem;line-height:1.3}\np{margin:.5rem 0}\n"
    "pre,code{font:14px/1.5 ui-monospace,monospace;background:var(--paper);border-radius:6px}\n"
    "pre{padding:.75rem 1rem;overflow-x:auto}\ncode{padding:.1rem .3rem}\n"
    ".quiet{opacity:.75;font-size:.9rem}\n";

static const char robots_txt[] = "User-agent: *\nDisallow: /\n";

static const struct gateway_page pages[] = {
    {"/", "text/html; charset=utf-8", index_html},
    {"/vedette.css", "text/css; charset=utf-8", style_css},
    {"/robots.txt", "text/plain; charset=utf-8", robots_txt},
};

const struct gateway_page *
gateway_page_find(const char *path)
{
    size_t i;

    for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(pages[i].path, path) == 0) {
            return &pages[i];
        }
    }
    return NULL;
}
