/* What plain HTML cannot do. Every page works without this file. */
(function () {
  "use strict";
  var root = document.documentElement;

  /* The error summary takes the focus, so that a screen reader starts with what is wrong. */
  function focusErrors(scope) {
    var summary = scope.querySelector(".error-summary");
    if (summary) summary.focus();
  }

  /* What the script itself has to say, where messages stand. */
  function say(text, mood) {
    var place = document.getElementById("messages");
    if (!place) return null;
    var alert = document.createElement("div");
    alert.className = "alert" + (mood ? " alert--" + mood : "");
    alert.setAttribute("role", mood === "bad" ? "alert" : "status");
    alert.textContent = text;
    place.replaceChildren ? place.replaceChildren(alert) : (place.innerHTML = "", place.appendChild(alert));
    return alert;
  }

  /* A form is sent once. The button's own name and value must still travel, so it is disabled after the event.
     A sending that was stopped tells nobody, so after ten seconds the form may be sent again: its key is good once. */
  var PATIENCE = 10000;
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method === "get" || form.hasAttribute("data-again")) return;
    if (form.hasAttribute("data-sent")) {
      event.preventDefault();
      say("正在提交，请稍等。");
      return;
    }
    form.setAttribute("data-sent", "");
    window.setTimeout(function () {
      form.querySelectorAll("[type=submit]").forEach(function (button) { button.setAttribute("aria-disabled", "true"); });
    });
    window.setTimeout(function () {
      if (!form.hasAttribute("data-sent")) return;
      release(form);
      say("还没有收到回应，填的内容都在。可以再按一次，同一张表单不会办两遍。", "warn");
    }, PATIENCE);
  });
  function release(form) {
    form.removeAttribute("data-sent");
    form.querySelectorAll("[type=submit]:not([disabled])").forEach(function (button) { button.removeAttribute("aria-disabled"); });
  }
  /* Coming back with the browser's own button finds the form usable again. */
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(release);
  });

  /* A page that answers a refused form stands at the form's address; for a reload it gets its own. */
  function putAddress() {
    var own = document.querySelector("meta[name=page-address]");
    if (own && own.content.charAt(0) === "/") window.history.replaceState(null, "", own.content);
  }

  /* Some minutes before the session ends for want of acts, whoever still sits there can go on. Every tab counts. */
  var WARN_BEFORE = 180;
  function watchIdle() {
    var most = Number(document.body.getAttribute("data-idle")), shown = null;
    if (!most) return;
    function seen(moment) {
      try {
        if (moment) localStorage.setItem("seen", moment);
        return Number(localStorage.getItem("seen")) || opened;
      } catch (error) { return opened; }
    }
    var opened = Date.now();
    seen(opened);
    window.setInterval(function () {
      var left = most - (Date.now() - Math.max(seen(), opened)) / 1000;
      if (left > WARN_BEFORE) {
        if (shown) shown.remove();
        shown = null;
      } else if (left <= 0) {
        shown = say("已经自动退出。填的内容还在这一页：照常提交，重新登录后会带您回来；号码要重新填。", "warn");
      } else if (!shown) {
        shown = say("很久没有操作，约 " + Math.ceil(left / 60) + " 分钟后自动退出。", "warn");
        if (shown) shown.appendChild(goOn());
      }
    }, 15000);
    function goOn() {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn--sm";
      button.textContent = "继续";
      button.addEventListener("click", function () {
        window.fetch(document.body.getAttribute("data-go-on"), { credentials: "same-origin", redirect: "manual" }).then(function (answer) {
          if (!answer.ok) return;
          opened = Date.now();
          seen(opened);
          if (shown) shown.remove();
          shown = null;
        });
      });
      return button;
    }
  }

  /* A button that sends a form back needs a reason; the others do not. */
  document.addEventListener("click", function (event) {
    var button = event.target.closest("button[type=submit]");
    if (!button || !button.form) return;
    var note = button.form.querySelector("[data-note]");
    if (note) note.required = button.hasAttribute("data-needs-note");
  });

  /* A box above a long list of choices shows those that hold the words; what is chosen stays in sight and chosen. */
  document.addEventListener("input", function (event) {
    var list = event.target.matches("[data-finds]") && document.querySelector(event.target.getAttribute("data-finds"));
    if (!list) return;
    var words = event.target.value.trim();
    list.querySelectorAll("label").forEach(function (label) {
      label.hidden = label.textContent.indexOf(words) < 0 && !label.querySelector(":checked");
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.matches("[data-finds]")) event.preventDefault();
  });

  /* Selects that stand for a choice, not a form: the button beside them is for people without scripts. */
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-autosubmit]")) event.target.form.submit();
  });

  /* Shortcuts: / searches, Alt+S saves, Alt+N opens the next. They can be switched off in the user's menu. */
  function shortcutsOn() {
    try { return localStorage.getItem("shortcuts") !== "off"; } catch (error) { return true; }
  }
  function paintShortcuts() {
    document.querySelectorAll("[data-shortcuts]").forEach(function (button) {
      button.hidden = false;
      button.textContent = shortcutsOn() ? "关闭快捷键" : "打开快捷键";
    });
  }
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-shortcuts]")) return;
    try { localStorage.setItem("shortcuts", shortcutsOn() ? "off" : "on"); } catch (error) { return; }
    paintShortcuts();
  });
  document.addEventListener("keydown", function (event) {
    if (event.isComposing || !shortcutsOn()) return;
    var typing = event.target.matches("input, select, textarea, [contenteditable]");
    var target = null;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      target = document.querySelector("[data-search]");
      if (target) target.focus();
    } else if (event.altKey && event.code === "KeyS") {
      target = document.querySelector("[data-save]");
      if (target) target.click();
    } else if (event.altKey && event.code === "KeyN") {
      target = document.querySelector("a[rel=next], [data-next]");
      if (target) target.click();
    }
    if (target) event.preventDefault();
  });
  /* An open menu closes with Escape or a click elsewhere. */
  function closeMenus(except) {
    document.querySelectorAll("details.menu[open]").forEach(function (menu) { if (menu !== except) menu.open = false; });
  }
  document.addEventListener("click", function (event) { closeMenus(event.target.closest("details.menu")); });
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") closeMenus(null); });

  /* htmx: no polling in a hidden tab; a failed request says so where messages stand. */
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (document.hidden && event.detail.elt.hasAttribute("data-poll")) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    var form = event.detail.elt.closest("form");
    if (form) release(form);
  });
  document.addEventListener("htmx:afterSwap", function (event) { focusErrors(event.detail.target); });
  document.addEventListener("htmx:responseError", function (event) {
    var status = event.detail.xhr.status;
    if (event.detail.elt.hasAttribute("data-poll")) return;
    if (status === 403) say("这一步不归您的岗位办理，或页面停留太久，请刷新页面后再试。", "bad");
    else if (status === 429) say("操作太快了，请稍等 1 分钟再试。", "bad");
    else {
      var number = event.detail.xhr.getResponseHeader("X-Error-Number");
      say("服务器出了问题，您填的内容还在。请先刷新看现在的状态，再决定要不要重做。" + (number ? "编号 " + number : ""), "bad");
    }
  });
  document.addEventListener("htmx:sendError", function (event) {
    if (!event.detail.elt.hasAttribute("data-poll")) say("网络断了，没有办成。接通后再试一次。", "bad");
  });

  /* Reading aids of the public site. Without scripts the same links ask the server, which keeps the choice in a cookie. */
  function paintAids() {
    document.querySelectorAll("[data-set]").forEach(function (link) {
      var pair = link.getAttribute("data-set").split("=");
      var now = root.getAttribute("data-" + pair[0]) || "normal";
      if (now === pair[1]) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest("[data-set]");
    if (!link) return;
    event.preventDefault();
    var pair = link.getAttribute("data-set").split("=");
    var same = root.getAttribute("data-" + pair[0]) === pair[1];
    var value = pair[0] === "contrast" && same ? "normal" : pair[1];
    root.setAttribute("data-" + pair[0], value);
    document.cookie = pair[0] + "=" + value + ";path=/;max-age=31536000;samesite=lax";
    paintAids();
  });
  function prepareReading() {
    if (!("speechSynthesis" in window)) return;
    document.querySelectorAll("[data-read]").forEach(function (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        if (speechSynthesis.speaking) {
          speechSynthesis.cancel();
          return;
        }
        var words = new SpeechSynthesisUtterance(document.querySelector(button.getAttribute("data-read")).innerText);
        words.lang = "zh-CN";
        words.rate = 0.85;
        speechSynthesis.speak(words);
      });
    });
  }
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-print]")) window.print();
  });
  /* A person's own figures vanish when nobody touches the page for a while; whoever still reads keeps them. */
  function prepareClearing() {
    var link = document.querySelector("[data-clear]"), timer;
    if (!link) return;
    function restart() {
      window.clearTimeout(timer);
      timer = window.setTimeout(function () { window.location.replace(link.href); }, link.getAttribute("data-clear") * 1000);
    }
    ["keydown", "pointerdown", "scroll"].forEach(function (kind) { document.addEventListener(kind, restart, { passive: true }); });
    restart();
  }

  function start() {
    putAddress();
    watchIdle();
    focusErrors(document);
    document.querySelectorAll("[data-finds]").forEach(function (box) { box.hidden = false; });
    paintShortcuts();
    paintAids();
    prepareReading();
    prepareClearing();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
