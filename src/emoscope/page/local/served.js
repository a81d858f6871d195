// Says what to do if the page was opened as a file: browsers load modules and models from a web server only.
if (location.protocol === "file:") {
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("unserved").hidden = false;
  });
}
