using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LLaDA.Batch.Train.Terminal;

/// <summary>Limits of numeric options, checked before a command runs. An option without a value passes.</summary>
internal static class OptionLimits
{
    /// <summary>Refuses smaller values.</summary>
    public static Option<int> AtLeast(this Option<int> option, int least)
    {
        option.Validators.Add(result => Require(result, value => value >= least, $"at least {least}"));
        return option;
    }

    /// <inheritdoc cref="AtLeast(Option{int}, int)"/>
    public static Option<int?> AtLeast(this Option<int?> option, int least)
    {
        option.Validators.Add(result => Require(result, value => value >= least, $"at least {least}"));
        return option;
    }

    /// <summary>Refuses 0, smaller values and NaN.</summary>
    public static Option<double> Above0(this Option<double> option)
    {
        option.Validators.Add(result => Require(result, value => value > 0, "above 0"));
        return option;
    }

    /// <remarks>Reads the token: the value of one that is no number cannot be asked for, and the parser reports it itself.</remarks>
    private static void Require(OptionResult result, Func<double, bool> holds, string limit)
    {
        if (result.Tokens is not [.., var last] || !double.TryParse(last.Value, CultureInfo.InvariantCulture, out double value))
            return;
        if (!holds(value))
            result.AddError($"{result.Option.Name} must be {limit}");
    }
}
