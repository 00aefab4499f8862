using System.Globalization;

namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Filters that make numbers.</summary>
internal static class Numbers
{
    public static object? Whole(Evaluator evaluator, object? value, GivenArguments given)
    {
        object? absent = given.Allow("default")[0, "default"];
        return value switch
        {
            bool or long => Convert.ToInt64(value, null),
            double number when Math.Abs(number) < long.MaxValue => (long)number,
            MarkedText text when long.TryParse(text.Text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long whole) => whole,
            MarkedText text when TryReal(text, out double number) && Math.Abs(number) < long.MaxValue => (long)number,
            _ => absent is Undefined ? 0L : absent,
        };
    }

    public static object? Real(Evaluator evaluator, object? value, GivenArguments given)
    {
        object? absent = given.Allow("default")[0, "default"];
        return value switch
        {
            bool or long or double => Values.Number(value),
            MarkedText text when TryReal(text, out double number) => number,
            _ => absent is Undefined ? 0.0 : absent,
        };
    }

    public static object Absolute(Evaluator evaluator, object? value, GivenArguments given) => (given.Allow(), value) switch
    {
        (_, long number and not long.MinValue) => (object)Math.Abs(number),
        _ => Math.Abs(Values.Number(value)),
    };

    private static bool TryReal(MarkedText text, out double number) =>
        double.TryParse(text.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);
}
