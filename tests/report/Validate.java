import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Prints, for each profile and file, one line: profile, file, PASS or FAIL, checks made, and the rules broken. */
public class Validate {
    public static void main(String[] arguments) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        String[] profiles = arguments[0].split(",");
        for (int i = 1; i < arguments.length; i++) {
            for (String profile : profiles) {
                System.out.println(profile + " " + arguments[i] + " " + judge(arguments[i], profile));
            }
        }
    }

    private static String judge(String file, String profile) throws Exception {
        PDFAFlavour flavour = PDFAFlavour.byFlavourId(profile);
        try (FileInputStream input = new FileInputStream(file);
             PDFAParser parser = Foundries.defaultInstance().createParser(input, flavour);
             PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, false)) {
            ValidationResult result = validator.validate(parser);
            StringBuilder text = new StringBuilder(result.isCompliant() ? "PASS" : "FAIL");
            text.append(" checks=").append(result.getTotalAssertions());
            for (TestAssertion broken : result.getTestAssertions()) {
                if (broken.getStatus() == TestAssertion.Status.FAILED) {
                    text.append(" [").append(broken.getRuleId().getClause()).append(" ")
                        .append(broken.getMessage()).append("]");
                }
            }
            return text.toString();
        }
    }
}
