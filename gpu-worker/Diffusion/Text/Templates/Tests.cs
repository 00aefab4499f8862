namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Jinja's tests, behind <c>is</c>.</summary>
internal static class Tests
{
    public static IReadOnlyDictionary<string, Func<Evaluator, object?, GivenArguments, bool>> ByName { get; } =
        new Dictionary<string, Func<Evaluator, object?, GivenArguments, bool>>
        {
            ["defined"] = (_, value, _) => value is not Undefined,
            ["undefined"] = (_, value, _) => value is Undefined,
            ["none"] = (_, value, _) => value is null,
            ["true"] = (_, value, _) => value is true,
            ["false"] = (_, value, _) => value is false,
            ["boolean"] = (_, value, _) => value is bool,
            ["string"] = (_, value, _) => value is MarkedText,
            ["number"] = (_, value, _) => value is bool or long or double,
            ["integer"] = (_, value, _) => value is long,
            ["float"] = (_, value, _) => value is double,
            ["mapping"] = (_, value, _) => value is Map,
            ["iterable"] = (_, value, _) => value is object?[] or MarkedText or Map or Undefined,
            ["sequence"] = (_, value, _) => value is object?[] or MarkedText or Map or Undefined,
            ["odd"] = (_, value, _) => Remainder(value, 2L) != 0,
            ["even"] = (_, value, _) => Remainder(value, 2L) == 0,
            ["divisibleby"] = (_, value, given) => Remainder(value, given.Allow("num").Whole(0, "num", 0)) == 0,
            ["in"] = (evaluator, value, given) => Operators.Contains(given.Allow("seq")[0, "seq"], value, evaluator.Budget),
            ["equalto"] = Compare("=="),
            ["eq"] = Compare("=="),
            ["=="] = Compare("=="),
            ["ne"] = Compare("!="),
            ["!="] = Compare("!="),
            ["lt"] = Compare("<"),
            ["<"] = Compare("<"),
            ["le"] = Compare("<="),
            ["<="] = Compare("<="),
            ["gt"] = Compare(">"),
            [">"] = Compare(">"),
            ["ge"] = Compare(">="),
            [">="] = Compare(">="),
        };

    private static Func<Evaluator, object?, GivenArguments, bool> Compare(string sign) =>
        (evaluator, value, given) => Operators.Compare(value, sign, given.Allow("other")[0, "other"], evaluator.Budget);

    private static long Remainder(object? value, long divisor) => value is not (long or bool) || divisor == 0
        ? throw new TemplateException($"it divides {Values.Kind(value)} by {divisor}")
        : Convert.ToInt64(value, null) % divisor;
}
