// A blinded reading: the viewer, without what belongs to its other pages, and the answer beside it.

const DESKS = new WeakMap();

export default function reading(component) {
  const { parentElement, data } = component;
  if (!data) return undefined;
  const stopViewer = viewer(component);
  let desk = DESKS.get(parentElement);
  if (!desk) {
    desk = seated(parentElement);
    DESKS.set(parentElement, desk);
  }
  desk.send = component.setTriggerValue;
  desk.state = STATES.get(parentElement);
  if (data.stage !== "with") desk.state.method = "";
  cleared(desk, data.stage);
  if (data.stage !== desk.stage) begun(desk, data);
  return () => {
    document.removeEventListener("keydown", desk.keyed);
    cancelAnimationFrame(desk.frame);
    DESKS.delete(parentElement);
    if (stopViewer) stopViewer();
  };
}

function seated(parent) {
  const find = (name) => parent.querySelector(name);
  const desk = { root: find(".viewer"), form: find(".answer"), place: find(".place"), question: find(".question"),
    told: find(".told-by"), number: find(".number input"),
    range: find(".answer input[type=range]"),
    record: find("button[type=submit]"), note: find(".note-of"), hint: find(".hint"), help: find(".help") };
  desk.number.addEventListener("input", () => answered(desk, desk.number.value));
  desk.range.addEventListener("input", () => answered(desk, desk.range.value));
  // A click on a scale without an answer is an answer, also where the thumb would stand already.
  desk.range.addEventListener("click", () => answered(desk, desk.range.value));
  // The arrows and digits of a field are the field's, not the viewer's.
  desk.form.addEventListener("keydown", (event) => keyInForm(desk, event));
  desk.form.addEventListener("submit", (event) => {
    event.preventDefault();
    give(desk);
  });
  desk.keyed = (event) => {
    const at = event.composedPath()[0];
    const typing = at && at.matches && at.matches("input:not([type=checkbox]), textarea, select");
    if (event.key !== "a" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    desk.number.focus();
  };
  document.addEventListener("keydown", desk.keyed);
  return desk;
}

// The arrows and digits of the form's fields must not reach the viewer; a digit on the scale is its tenth.
function keyInForm(desk, event) {
  if (event.target === desk.range && /^[0-9]$/.test(event.key)) {
    event.preventDefault();
    answered(desk, String(10 * Number(event.key)));
  }
  if (event.target === desk.range && event.key === "Enter") {
    event.preventDefault();
    give(desk);
  }
  if (event.target === desk.range || event.target === desk.number) event.stopPropagation();
}

// Take from the viewer what unblinds or leads away: the reference, the model's controls before it is shown, steps.
function cleared({ state, hint, help }, stage) {
  const aided = stage === "with";
  const control = (name) => state.controls[name] && state.controls[name].root.style;
  for (const name of ["truth", "below", "layout"]) if (control(name)) control(name).display = "none";
  // Hidden in their place: the images keep their size when the model comes.
  for (const name of ["overlay", "opacity", "threshold", "colours", "smoothing", "detections"])
    if (control(name)) control(name).visibility = aided ? "" : "hidden";
  Object.assign(state.look, { layout: "exam", truth: false, below: false });
  hint.textContent = `a answer · Enter record · ${aided ? "space overlay · " : ""}i invert · drag window · `
    + "wheel zoom · ? keys";
  const [step] = help.querySelectorAll("dt");
  if (step && step.textContent.startsWith("n,")) {
    step.nextElementSibling.remove();
    step.remove();
  }
}

function begun(desk, data) {
  const { form, number, range } = desk, first = data.first;
  desk.stage = data.stage;
  desk.token = data.token;
  desk.place.textContent = data.place;
  desk.question.textContent = data.question;
  desk.told.replaceChildren(...data.told.map((line) => element("p", {}, line)));
  desk.told.hidden = !data.told.length;
  desk.note.textContent = first === null ? "No answer yet: type a number, or set the scale."
    : `Your first answer was ${first}; it stands. With the model: the same, or another?`;
  desk.first = first;
  desk.since = 0;
  form.setAttribute("aria-busy", "true");
  number.value = "";
  range.value = "0";
  answered(desk, first === null ? "" : String(first));
  // Out of the field: a second Enter must not answer what has just come; and a screen reader says where we are.
  desk.place.focus({ preventScroll: true });
  cancelAnimationFrame(desk.frame);
  watch(desk);
}

// The clock of the answer starts once every view stands on the screen.
function watch(desk) {
  const stages = [...desk.root.querySelectorAll(".stage")];
  if (stages.length && stages.every((stage) => stage.dataset.shown)) {
    desk.since = performance.now();
    desk.form.setAttribute("aria-busy", "false");
    allowed(desk);
    return;
  }
  desk.frame = requestAnimationFrame(() => watch(desk));
}

function answered(desk, text) {
  const value = text === "" ? NaN : Number(text);
  desk.score = Number.isInteger(value) && value >= 0 && value <= 100 ? value : null;
  const has = desk.score !== null;
  if (has) {
    if (desk.number.value !== String(desk.score)) desk.number.value = String(desk.score);
    desk.range.value = String(desk.score);
  }
  desk.range.classList.toggle("unset", !has);
  desk.range.setAttribute("aria-valuetext", has ? `${desk.score} percent` : "no answer yet");
  allowed(desk);
}

function allowed(desk) {
  const { score, first, record } = desk;
  record.disabled = score === null || !desk.since;
  record.textContent = score === null ? "Record and go on"
    : first !== null && score === first ? `Again ${score} and go on` : `Record ${score} and go on`;
}

function give(desk) {
  if (desk.record.disabled) return;
  desk.record.disabled = true;
  desk.send("answer", { token: desk.token, stage: desk.stage, score: desk.score,
    seconds: (performance.now() - desk.since) / 1000 });
}
