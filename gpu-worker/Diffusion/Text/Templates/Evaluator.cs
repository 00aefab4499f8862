namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Computes the values of expressions.</summary>
/// <param name="call">Runs a macro with its arguments.</param>
internal sealed class Evaluator(Budget budget, Func<Macro, GivenArguments, MarkedText> call)
{
    public Budget Budget => budget;

    public object? Evaluate(Expression expression, Scope scope)
    {
        budget.Enter();
        object? value = EvaluateKind(expression, scope);
        budget.Leave();
        return value;
    }

    private object? EvaluateKind(Expression expression, Scope scope)
    {
        object? Of(Expression part) => Evaluate(part, scope);
        switch (expression)
        {
            case Constant constant:
                return constant.Value;
            case Variable variable:
                return scope[variable.Name];
            case ListLiteral list:
                return list.Items.Select(Of).ToArray();
            case MapLiteral literal:
                return ReadMap(literal, scope);
            case Member member:
                return Attribute(Of(member.Of), member.Name, member.Line);
            case Item item:
                return At(Of(item.Of), Of(item.Key), item.Line);
            case Slice slice:
                return Cut(slice, scope);
            case Call function:
                return CallFunction(function, scope);
            case MethodCall method:
                return CallMethod(method, scope);
            case Filter filter:
                object? filtered = Of(filter.Of);
                return Filters.ByName[filter.Name](this, filtered, Given(filter.Arguments, scope, $"the filter {filter.Name}"));
            case Test test:
                object? tested = Of(test.Of);
                return Tests.ByName[test.Name](this, tested, Given(test.Arguments, scope, $"the test {test.Name}")) != test.IsNegated;
            case Unary unary:
                return Operators.Sign(unary.Sign, Of(unary.Of));
            case Binary { Sign: "and" } binary:
                return Of(binary.Left) is var left && Values.IsTrue(left) ? Of(binary.Right) : left;
            case Binary { Sign: "or" } binary:
                return Of(binary.Left) is var first && Values.IsTrue(first) ? first : Of(binary.Right);
            case Binary binary:
                return Operators.Apply(Of(binary.Left), binary.Sign, Of(binary.Right), budget);
            case Comparison comparison:
                return Compare(comparison, scope);
            case Ternary ternary:
                return Values.IsTrue(Of(ternary.Condition)) ? Of(ternary.Then)
                    : ternary.Otherwise is { } otherwise ? Of(otherwise) : Undefined.Value;
            default:
                throw new TemplateException($"it has {expression.GetType().Name}, which is not computed");
        }
    }

    private Map ReadMap(MapLiteral literal, Scope scope)
    {
        var map = new Map();
        foreach (var (key, value) in literal.Entries)
        {
            string name = Evaluate(key, scope) is MarkedText text
                ? text.Text
                : throw new TemplateException("it has a mapping with keys that are no texts, which is not computed");
            map[name] = Evaluate(value, scope);
        }
        return map;
    }

    public static object? Attribute(object? of, string name, int line) => of switch
    {
        Map map => map.TryGetValue(name, out object? value) ? value : Undefined.Value,
        Namespace space => space.Attributes.TryGetValue(name, out object? value) ? value : Undefined.Value,
        Loop loop => loop.Attribute(name),
        Undefined => throw new TemplateException($"line {line} takes {name} of an undefined value"),
        _ => Undefined.Value,
    };

    private object? At(object? of, object? key, int line)
    {
        switch (of, key)
        {
            case (object?[] list, long or bool):
                long item = Convert.ToInt64(key, null);
                long index = item < 0 ? item + list.Length : item;
                return index >= 0 && index < list.Length ? list[index] : Undefined.Value;
            case (MarkedText text, long position):
                budget.Read(text.Length);
                return (object?)TextSlices.At(text, position) ?? Undefined.Value;
            case (_, MarkedText name):
                return Attribute(of, name.Text, line);
            case (Undefined, _):
                throw new TemplateException($"line {line} takes an item of an undefined value");
            default:
                return Undefined.Value;
        }
    }

    private object Cut(Slice slice, Scope scope)
    {
        object? of = Evaluate(slice.Of, scope);
        long? Limit(Expression? limit) => (limit is null ? null : Evaluate(limit, scope)) switch
        {
            null => null,
            long position => position,
            var other => throw new TemplateException($"line {slice.Line} cuts at {Values.Kind(other)}"),
        };
        var (start, stop, step) = (Limit(slice.Start), Limit(slice.Stop), Limit(slice.Step) ?? 1);
        switch (of)
        {
            case object?[] list:
                budget.MakeItems(list.Length / 8);
                return TextSlices.Cut(list, start, stop, step);
            case MarkedText text:
                budget.Make(text.Length);
                return TextSlices.Cut(text, start, stop, step, budget);
            default:
                throw new TemplateException($"line {slice.Line} cuts a piece out of {Values.Kind(of)}");
        }
    }

    private bool Compare(Comparison comparison, Scope scope)
    {
        object? left = Evaluate(comparison.First, scope);
        foreach (var (sign, right) in comparison.Others)
        {
            object? other = Evaluate(right, scope);
            if (!Operators.Compare(left, sign, other, budget))
                return false;
            left = other;
        }
        return true;
    }

    private object? CallFunction(Call function, Scope scope)
    {
        var given = Given(function.Arguments, scope, function.Function);
        return scope[function.Function] switch
        {
            Macro macro => call(macro, given),
            Undefined when Functions.Names.Contains(function.Function) => Functions.Call(function.Function, given, budget),
            var other => throw new TemplateException($"line {function.Line} calls {function.Function}, which is {Values.Kind(other)}"),
        };
    }

    private object? CallMethod(MethodCall method, Scope scope)
    {
        object? of = Evaluate(method.Of, scope);
        var given = Given(method.Arguments, scope, $"{method.Method}()");
        return of switch
        {
            MarkedText text when TextMethods.ByName.TryGetValue(method.Method, out var found) => found(budget, text, given),
            Map map when MapMethods.ByName.TryGetValue(method.Method, out var found) => found(budget, map, given),
            _ => throw new TemplateException($"line {method.Line} calls {method.Method}() of {Values.Kind(of)}"),
        };
    }

    private GivenArguments Given(Arguments arguments, Scope scope, string of) => new(
        of, [.. arguments.Positional.Select(argument => Evaluate(argument, scope))],
        arguments.Named.ToDictionary(argument => argument.Key, argument => Evaluate(argument.Value, scope)));
}
