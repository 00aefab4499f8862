namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Signs between values, as in Python.</summary>
internal static class Operators
{
    public static object Apply(object? left, string sign, object? right, Budget budget)
    {
        if (sign == "~")
            return Join(Values.Write(left), Values.Write(right), budget);
        switch (left, right, sign)
        {
            case (MarkedText first, MarkedText second, "+"):
                return Join(first, second, budget);
            case (object?[] first, object?[] second, "+"):
                budget.MakeItems((first.Length + second.Length) / 8);
                return (object?[])[.. first, .. second];
            case (MarkedText text, long count, "*"):
                budget.Make(text.Length * Math.Clamp(count, 0, int.MaxValue));
                return MarkedText.Concat([.. Enumerable.Repeat(text, (int)Math.Max(0, count))]);
            case (bool or long, bool or long, not "/"):
                return Whole(Convert.ToInt64(left, null), sign, Convert.ToInt64(right, null));
            case (bool or long or double, bool or long or double, _):
                return Real(Values.Number(left), sign, Values.Number(right));
            default:
                throw new TemplateException($"it has {sign} between {Values.Kind(left)} and {Values.Kind(right)}");
        }
    }

    public static bool Compare(object? left, string sign, object? right, Budget budget) => sign switch
    {
        "==" => Values.AreEqual(left, right, budget),
        "!=" => !Values.AreEqual(left, right, budget),
        "in" => Contains(right, left, budget),
        "not in" => !Contains(right, left, budget),
        "<" => Values.Compare(left, right, budget) < 0,
        "<=" => Values.Compare(left, right, budget) <= 0,
        ">" => Values.Compare(left, right, budget) > 0,
        _ => Values.Compare(left, right, budget) >= 0,
    };

    public static object Sign(string sign, object? value) => (sign, value) switch
    {
        ("not", _) => !Values.IsTrue(value),
        ("-", bool or long) => Whole(0, "-", Convert.ToInt64(value, null)),
        ("-", _) => -Values.Number(value),
        (_, bool or long) => Convert.ToInt64(value, null),
        _ => Values.Number(value),
    };

    public static bool Contains(object? all, object? sought, Budget budget)
    {
        switch (all, sought)
        {
            case (MarkedText text, MarkedText part):
                budget.Search(text.Length, part.Length);
                return text.Text.Contains(part.Text, StringComparison.Ordinal);
            case (object?[] list, _):
                return Array.Exists(list, item => Values.AreEqual(item, sought, budget));
            case (Map map, MarkedText key):
                return map.ContainsKey(key.Text);
            case (Map or Undefined, _):
                return false;
            default:
                throw new TemplateException($"it looks for {Values.Kind(sought)} in {Values.Kind(all)}");
        }
    }

    private static MarkedText Join(MarkedText left, MarkedText right, Budget budget)
    {
        budget.Make((long)left.Length + right.Length);
        return MarkedText.Concat([left, right]);
    }

    private static object Whole(long left, string sign, long right)
    {
        try
        {
            return sign switch
            {
                "+" => checked(left + right),
                "-" => checked(left - right),
                "*" => checked(left * right),
                "//" when right != 0 => Floor(left, right),
                "%" when right != 0 => checked(left - (Floor(left, right) * right)),
                "**" when right >= 0 => Power(left, right),
                _ => (object)Real(left, sign, right),
            };
        }
        catch (OverflowException)
        {
            throw new TemplateException("it computes a number that is too large");
        }
    }

    private static long Floor(long left, long right) =>
        checked(left / right) - (left % right != 0 && (left < 0) != (right < 0) ? 1 : 0);

    private static long Power(long left, long right)
    {
        if (left is 0 or 1 or -1)
            return right == 0 || left == 1 ? 1 : left == 0 ? 0 : right % 2 == 0 ? 1 : -1;
        long power = 1;
        for (long count = 0; count < right; count++)
            power = checked(power * left);
        return power;
    }

    private static double Real(double left, string sign, double right)
    {
        if (right == 0 && sign is "/" or "//" or "%")
            throw new TemplateException("it divides by zero");
        double result = sign switch
        {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "/" => left / right,
            "//" => Math.Floor(left / right),
            "%" => left - (Math.Floor(left / right) * right),
            _ => Math.Pow(left, right),
        };
        return double.IsFinite(result) ? result : throw new TemplateException("it computes a number that is too large");
    }
}
