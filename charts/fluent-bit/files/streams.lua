-- Makes of a record its line and the labels of its stream. Where a line comes from is told by the tag, which is
-- made of the file's path; only `app` needs the pod's object, and is the pod's name without it.

-- A ReplicaSet's name ends in a hash that changes with every rollout: 6 to 10 hexadecimal digits.
local function without_hash(name)
    local start, hash = name:match("^(.+)%-(%x+)$")
    if start and #hash >= 6 and #hash <= 10 and not hash:find("%u") then
        return start
    end
    return name
end

local function controller(references)
    for _, reference in ipairs(references or {}) do
        if reference.controller then
            return reference.name
        end
    end
    return nil
end

local function app(pod, kubernetes)
    local labels = kubernetes.labels or {}
    for _, name in ipairs({"app.kubernetes.io/name", "app"}) do
        if labels[name] and labels[name] ~= "" then
            return labels[name]
        end
    end
    local owner = controller(kubernetes.ownerReferences)
    return owner and without_hash(owner) or pod
end

function stream(tag, timestamp, record)
    local namespace, pod, container = tag:match("^pods%.([^_]+)_([^_]+)_([^_]+)$")
    return 2, timestamp, {
        log = record.log,
        stream = record.stream,
        namespace = namespace,
        pod = pod,
        container = container,
        app = app(pod, record.kubernetes or {}),
    }
end
