// A drawing that the server made as SVG, in the page's own text colour: an image file would not know that colour.

export default function drawing({ parentElement, data }) {
  parentElement.querySelector(".drawing").innerHTML = data || "";
}
